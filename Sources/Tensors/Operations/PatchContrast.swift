import CKernels
import Compute

/// Cross-entropy of telling each prediction's own target from the other targets of the same image (eq. 7, without its factor τ):
/// mean over images and k of −log softmax_l(ẑ_k·z_l/τ) at l = k.
///
/// - Parameters:
///   - predictions, targets: [B, T, C], of unit length.
///   - temperature: τ > 0.
/// - Returns: a single number.
/// - Throws: `ShapeError`, `OutOfMemory`.
public func patchContrast(_ predictions: Tensor, _ targets: Tensor, temperature: Float) throws -> Tensor {
  try expect(3, predictions, "patchContrast", "predictions")
  try expect(predictions.shape, targets, "patchContrast", "targets")
  guard temperature > 0 else { throw ShapeError("patchContrast", "temperature is \(temperature), wanted above 0") }
  let (images, patches, width) = (predictions.shape[0], predictions.shape[1], predictions.width)
  let size = patches * width
  let (p, z) = (predictions.buffer, targets.buffer)
  let logSums = try Buffer(count: images * patches)
  let losses = try Buffer(count: images * patches)

  let scoring = LocalProduct(patches, patches, width)
  let stride = wholeVectors(patches)
  let scoresCount = patches * stride
  @Sendable func scores(_ image: Int, _ place: UnsafeMutablePointer<Float>) {
    scoring(
      MatrixView(p.pointer + image * size, stride: width),
      MatrixView(z.pointer + image * size, stride: width, transposed: true), into: MatrixPlace(place, stride: stride),
      scratch: place + scoresCount)
  }
  try parallelWithScratch(images, scratchCount: scoresCount + scoring.scratchCount) { image, place in
    scores(image, place)
    let (own, sums) = (losses.pointer + image * patches, logSums.pointer + image * patches)
    for k in 0..<patches { own[k] = place[k * stride + k] / temperature }
    lmk_softmax(patches, patches, stride, 1 / temperature, place, sums)
    for k in 0..<patches { own[k] = sums[k] - own[k] }
  }
  let mean = losses.values.reduce(0.0) { $0 + Double($1) } / Double(max(losses.count, 1))

  let (dp, dz) = (predictions.gradient, targets.gradient)
  return recorded(shape: [], buffer: try Buffer([Float(mean)]), inputs: [predictions, targets]) { dy in
    let scale = dy.pointer[0] / (Float(images * patches) * temperature)
    let (dPredictions, dTargets) = (try Buffer(count: p.count), try dz.map { _ in try Buffer(count: z.count) })
    let mixing = LocalProduct(patches, width, patches)
    let scratchCount = scoresCount + max(scoring.scratchCount, mixing.scratchCount)
    try parallelWithScratch(images, scratchCount: scratchCount) { image, place in
      scores(image, place)
      lmk_softmax_again(patches, patches, stride, 1 / temperature, place, logSums.pointer + image * patches)
      for k in 0..<patches { place[k * stride + k] -= 1 }
      func mix(_ from: Buffer, into to: Buffer, transposed: Bool) {
        mixing(
          MatrixView(place, stride: stride, transposed: transposed),
          MatrixView(from.pointer + image * size, stride: width),
          into: MatrixPlace(to.pointer + image * size, stride: width), Epilogue(scale: scale),
          scratch: place + scoresCount)
      }
      mix(z, into: dPredictions, transposed: false)
      if let dTargets { mix(p, into: dTargets, transposed: true) }
    }
    try dp?.add(dPredictions)
    if let dTargets { try dz?.add(dTargets) }
  }
}
