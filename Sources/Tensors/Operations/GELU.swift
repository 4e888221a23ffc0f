import CKernels
import Compute

/// y = x·Φ(x), Φ the standard normal distribution function (exact, with erf).
///
/// - Parameter x: any shape.
/// - Returns: the shape and type of `x`.
/// - Throws: `OutOfMemory`.
public func gelu(_ x: Tensor) throws -> Tensor {
  let (input, count, type, part) = (x.kept, x.count, x.element, Profile.part)
  func apply(_ input: Buffer) throws -> Buffer {
    let y = try Buffer(count: count, element: type)
    Profile.measure("gelu", part: part, bytes: Double(2 * y.bytes)) {
      parallelElements(count) { range in
        lmk_gelu(range.count, input.address(range.lowerBound), y.address(range.lowerBound), type.code)
      }
    }
    return y
  }
  let dx = x.gradient
  return recorded(
    shape: x.shape, buffer: try apply(x.buffer), inputs: [x], again: { try apply(input()) }
  ) { dy in
    let input = try input()
    let contribution = try Buffer(count: count, element: type)
    Profile.measure("gelu, gradient", part: part, bytes: Double(3 * input.bytes)) {
      parallelElements(count) { range in
        let first = range.lowerBound
        lmk_gelu_gradient(
          range.count, input.address(first), dy.address(first), contribution.address(first), type.code)
      }
    }
    try dx?.add(contribution)
  }
}
