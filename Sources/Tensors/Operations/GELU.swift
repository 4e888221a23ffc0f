import CKernels
import Compute

/// y = x·Φ(x), Φ the normal distribution function (exact, by erf).
///
/// - Parameter x: any shape.
/// - Throws: `OutOfMemory`.
public func gelu(_ x: Tensor) throws -> Tensor {
  let (input, count) = (x.buffer, x.count)
  let y = try Buffer(count: count)
  parallelElements(count) { range in
    lmk_gelu(range.count, input.pointer + range.lowerBound, y.pointer + range.lowerBound)
  }
  let dx = x.gradient
  return recorded(shape: x.shape, buffer: y, inputs: [x]) { dy in
    let contribution = try Buffer(count: count)
    parallelElements(count) { range in
      let first = range.lowerBound
      lmk_gelu_gradient(range.count, input.pointer + first, dy.pointer + first, contribution.pointer + first)
    }
    try dx?.add(contribution)
  }
}
