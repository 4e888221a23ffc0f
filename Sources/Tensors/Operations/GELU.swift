import CKernels
import Compute

/// y = x·Φ(x), Φ the standard normal distribution function (exact, with erf).
///
/// - Parameter x: any shape.
/// - Returns: the shape and type of `x`.
/// - Throws: `OutOfMemory`.
public func gelu(_ x: Tensor) throws -> Tensor {
  try elementwise(
    x, "gelu",
    value: { lmk_gelu($0, $1, $2, $3) },
    gradient: { lmk_gelu_gradient($0, $1, $2, $3, $4) })
}
