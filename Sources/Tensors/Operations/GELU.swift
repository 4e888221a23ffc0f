import CKernels
import Compute

/// y = x·Φ(x), Φ the normal distribution function (exact, by erf).
///
/// - Parameter x: any shape.
/// - Returns: the shape and type of `x`.
/// - Throws: `OutOfMemory`.
public func gelu(_ x: Tensor) throws -> Tensor {
  let (input, count, type) = (x.buffer, x.count, x.element)
  let y = try Buffer(count: count, element: type)
  parallelElements(count) { range in
    lmk_gelu(range.count, input.address(range.lowerBound), y.address(range.lowerBound), type.code)
  }
  let dx = x.gradient
  return recorded(shape: x.shape, buffer: y, inputs: [x]) { dy in
    let contribution = try Buffer(count: count, element: type)
    parallelElements(count) { range in
      let first = range.lowerBound
      lmk_gelu_gradient(
        range.count, input.address(first), dy.address(first), contribution.address(first), type.code)
    }
    try dx?.add(contribution)
  }
}
