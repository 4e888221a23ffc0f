import CKernels
import Compute

/// y = x·Wᵀ + bias + residual.
///
/// - Parameters:
///   - x: [..., in].
///   - weight: [out, in].
///   - bias: [out].
///   - residual: the shape of the result.
///   - element: element type of the result; float32 if there is a residual.
/// - Returns: [..., out].
/// - Throws: `ShapeError`, `OutOfMemory`.
public func linear(
  _ x: Tensor, weight: Tensor, bias: Tensor? = nil, residual: Tensor? = nil, element: Element = .float32
) throws -> Tensor {
  let map = try LinearMap(LinearParameters(weight: weight, bias: bias), inWidth: x.width, operation: "linear")
  let shape = Array(x.shape.dropLast()) + [map.outWidth]
  if let residual { try expect(shape, residual, "linear", "residual") }
  let y = try Buffer(count: x.rows * map.outWidth, element: residual == nil ? element : .float32)
  try map.apply(x.buffer, rows: x.rows, into: y, Epilogue(bias: bias?.pointer, residual: residual?.pointer))

  let (input, rows, dx, dResidual) = (x.kept, x.rows, x.gradient, residual?.gradient)
  return recorded(shape: shape, buffer: y, inputs: [x, weight, bias, residual]) { dy in
    try map.addGradients(dy: dy, rows: rows, input: input.callAsFunction)
    try dx?.accumulate(count: rows * map.inWidth, element: input.element) { place, beta in
      try map.pullBack(dy, rows: rows, into: place, input.element, Epilogue(beta: beta))
    }
    try dResidual?.add(dy)
  }
}
