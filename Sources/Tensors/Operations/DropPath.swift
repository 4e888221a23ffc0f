import CKernels
import Compute

/// Stochastic depth: residual + branch·keep/(1 − rate), where keep is 0 with probability `rate`, else 1, drawn per
/// image (Huang et al., "Deep networks with stochastic depth", 2016).
///
/// - Parameters:
///   - branch, residual: [B, N, C].
///   - rate: in 0 ..< 1.
///   - stream: the image at place i skips the branch if draw i is below the rate.
///   - images: their places.
/// - Throws: `ShapeError`, `OutOfMemory`.
public func addDroppingPaths(
  _ branch: Tensor, to residual: Tensor, rate: Float, stream: RandomStream, images places: ImagePlaces = .from(0)
) throws -> Tensor {
  try expect(3, branch, "dropPath", "branch")
  try expect(branch.shape, residual, "dropPath", "residual")
  try expectRate(rate, "dropPath")
  let (images, size, scale) = (branch.shape[0], branch.shape[1] * branch.width, 1 / (1 - rate))
  func isKept(_ image: Int) -> Bool { stream.uniform(at: places[image]) >= rate }
  let y = try Buffer(count: images * size)
  parallelRows(images, cost: size) { range in
    for image in range {
      let place = y.pointer + image * size
      place.update(from: residual.pointer + image * size, count: size)
      if isKept(image) { lmk_add_scaled(size, scale, branch.pointer + image * size, place) }
    }
  }
  let (dBranch, dResidual) = (branch.gradient, residual.gradient)
  return recorded(shape: branch.shape, buffer: y, inputs: [branch, residual]) { dy in
    if let dBranch {
      let contribution = try Buffer(count: images * size)
      parallelRows(images, cost: size) { range in
        for image in range {
          let place = contribution.pointer + image * size
          if isKept(image) {
            lmk_scale(size, scale, dy.pointer + image * size, place)
          } else {
            place.update(repeating: 0, count: size)
          }
        }
      }
      try dBranch.add(contribution)
    }
    try dResidual?.add(dy)
  }
}

/// - Throws: `ShapeError` unless `rate` is in 0 ..< 1.
func expectRate(_ rate: Float, _ operation: String) throws {
  guard rate >= 0, rate < 1 else { throw ShapeError(operation, "the rate is \(rate), wanted 0 to below 1") }
}
