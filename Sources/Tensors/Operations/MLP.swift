import Compute

/// y = gelu(norm(x)·W₁ᵀ + b₁)·W₂ᵀ + b₂ + residual. Keeps only the pre-activation for the gradient, which recomputes
/// the GELU, and what a norm keeps.
///
/// - Parameters:
///   - x: [..., in].
///   - norm: in front of the first layer; nil: there is none.
///   - first, second: [hidden, in] and [out, hidden].
///   - residual: the shape of the result.
///   - quantizesFirst: false: the first layer multiplies no eight-bit operands, even where the second does.
/// - Returns: [..., out], float32.
/// - Throws: `ShapeError`, `OutOfMemory`.
public func mlp(
  _ x: Tensor, norm: NormParameters? = nil, first: LinearParameters, second: LinearParameters, residual: Tensor,
  quantizesFirst: Bool = true
) throws -> Tensor {
  func makeFirst() throws -> LinearMap { try LinearMap(first, inWidth: x.width, operation: "mlp") }
  let map1 = try quantizesFirst ? makeFirst() : Computation.withoutQuantizing(makeFirst)
  let map2 = try LinearMap(second, inWidth: map1.outWidth, operation: "mlp")
  let layers = MLPLayers(first: map1, second: map2, shape: Array(x.shape.dropLast()) + [map2.outWidth])
  try expect(layers.shape, residual, "mlp", "residual")
  let inputs = [x, residual] + (norm?.tensors ?? []) + first.tensors + second.tensors
  if !isRecorded(inputs), RowChain.isWorthwhile(rows: x.rows) {
    return try layers.chained(x, norm: norm, residual: residual)
  }
  return try layers.inTurn(norm?(x, element: Computation.current.activation) ?? x, residual: residual)
}

/// The layers of an MLP, and its two ways: all rows layer by layer, or some rows at a time without a gradient.
private struct MLPLayers {
  let first: LinearMap
  let second: LinearMap
  /// Of the result.
  let shape: [Int]
  let activation = Computation.current.activation

  private func adding(_ residual: Tensor) -> Epilogue {
    Epilogue(bias: second.bias?.pointer, residual: residual.pointer)
  }

  func chained(_ x: Tensor, norm: NormParameters?, residual: Tensor) throws -> Tensor {
    let activates = Epilogue(.gelu, bias: first.bias?.pointer)
    let steps = try (norm.map { [try $0.step(x)] } ?? []) + [.product(first.packed(), activates)]
    let chain = try RowChain(steps, last: second.packed(), adding(residual), hidden: activation)
    return try chain.result(
      x, shape: shape, profiledAs: "linear", flops: first.flops(rows: x.rows) + second.flops(rows: x.rows),
      weightBytes: 4 * (first.weight.count + second.weight.count))
  }

  func inTurn(_ x: Tensor, residual: Tensor) throws -> Tensor {
    let (input, rows, dx, dResidual) = (x.kept, x.rows, x.gradient, residual.gradient)
    let inputs = [x, first.weight, first.bias, second.weight, second.bias, residual]
    let before = try isRecorded(inputs) ? Buffer(count: rows * first.outWidth, element: activation) : nil
    let y = try Buffer(count: rows * second.outWidth)
    let hidden = try Buffer(count: rows * first.outWidth, element: activation)
    try first.apply(
      x.buffer, rows: rows, into: hidden, Epilogue(.gelu, bias: first.bias?.pointer, before: before?.raw))
    try second.apply(hidden, rows: rows, into: y, adding(residual))
    return recorded(shape: shape, buffer: y, inputs: inputs) { [first, second] dy in
      guard let before else { return }
      let dHidden = try Buffer(count: before.count, element: before.element)
      try second.pullBack(
        dy, rows: rows, into: dHidden.raw, dHidden.element, Epilogue(.geluGradient, before: before.raw))
      // The epilogue has replaced the pre-activation in `before` by its GELU, the second layer's input.
      try second.addGradients(dy: dy, rows: rows) { before }
      try first.addGradients(dy: dHidden, rows: rows, input: input.callAsFunction)
      try dx?.accumulate(count: rows * first.inWidth, element: input.element) { place, beta in
        try first.pullBack(dHidden, rows: rows, into: place, input.element, Epilogue(beta: beta))
      }
      try dResidual?.add(dy)
    }
  }
}
