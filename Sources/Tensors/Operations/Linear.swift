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
  let map = try LinearMap(weight: weight, bias: bias, input: x, operation: "linear")
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

/// y = gelu(x·W₁ᵀ + b₁)·W₂ᵀ + b₂ + residual. Keeps only the pre-activation for the gradient, which recomputes the GELU.
///
/// - Parameters:
///   - x: [..., in].
///   - weight1, bias1: [hidden, in], [hidden].
///   - weight2, bias2: [out, hidden], [out].
///   - residual: the shape of the result.
///   - quantizesFirst: false: the first layer multiplies no eight-bit operands, even where the second does.
/// - Returns: [..., out], float32.
/// - Throws: `ShapeError`, `OutOfMemory`.
public func mlp(
  _ x: Tensor, weight1: Tensor, bias1: Tensor?, weight2: Tensor, bias2: Tensor?, residual: Tensor,
  quantizesFirst: Bool = true
) throws -> Tensor {
  func makeFirst() throws -> LinearMap { try LinearMap(weight: weight1, bias: bias1, input: x, operation: "mlp") }
  let first = try quantizesFirst ? makeFirst() : Computation.withoutQuantizing(makeFirst)
  let second = try LinearMap(weight: weight2, bias: bias2, inWidth: first.outWidth, operation: "mlp")
  let shape = Array(x.shape.dropLast()) + [second.outWidth]
  try expect(shape, residual, "mlp", "residual")
  let (input, rows, dx, dResidual) = (x.kept, x.rows, x.gradient, residual.gradient)
  let inputs = [x, weight1, bias1, weight2, bias2, residual]
  let activation = Computation.current.activation
  let before = try isRecorded(inputs) ? Buffer(count: rows * first.outWidth, element: activation) : nil
  let y = try Buffer(count: rows * second.outWidth)
  let epilogue = Epilogue(bias: bias2?.pointer, residual: residual.pointer)
  if before == nil, ChainedProducts.areWorthwhile(rows: rows) {
    try first.apply(
      x.buffer, rows: rows, Epilogue(.gelu, bias: bias1?.pointer), hidden: activation, then: second, into: y, epilogue)
  } else {
    let hidden = try Buffer(count: rows * first.outWidth, element: activation)
    try first.apply(
      x.buffer, rows: rows, into: hidden, Epilogue(.gelu, bias: bias1?.pointer, before: before?.raw))
    try second.apply(hidden, rows: rows, into: y, epilogue)
  }
  return recorded(shape: shape, buffer: y, inputs: inputs) { dy in
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

/// A linear layer and its three products: forward, gradient of the input, gradient of the weight.
private struct LinearMap {
  let weight: Tensor
  let bias: Tensor?
  let computation = Computation.current
  let part = Profile.part
  var inWidth: Int { weight.shape[1] }
  var outWidth: Int { weight.shape[0] }

  init(weight: Tensor, bias: Tensor?, input: Tensor, operation: String) throws {
    try self.init(weight: weight, bias: bias, inWidth: input.width, operation: operation)
  }

  init(weight: Tensor, bias: Tensor?, inWidth: Int, operation: String) throws {
    try expect(2, weight, operation, "weight")
    guard inWidth == weight.shape[1] else {
      throw ShapeError(operation, "input's last dimension is \(inWidth), weight wants \(weight.shape[1])")
    }
    if let bias { try expect([weight.shape[0]], bias, operation, "bias") }
    self.weight = weight
    self.bias = bias
  }

  /// y = epilogue(x·Wᵀ)
  func apply(_ x: Buffer, rows: Int, into y: Buffer, _ epilogue: Epilogue) throws {
    try measure("linear", rows: rows, bytes: x.bytes + y.bytes) {
      try parallelProduct(
        rows, outWidth, inWidth, MatrixView(x.raw, stride: inWidth, element: x.element), operand(),
        into: MatrixOutput(y.raw, stride: outWidth, element: y.element), epilogue,
        arithmetic: computation.linearArithmetic)
    }
  }

  /// y = end(h·Vᵀ), V of the layer `next`, h = epilogue(x·Wᵀ) of type `hidden`.
  func apply(
    _ x: Buffer, rows: Int, _ epilogue: Epilogue, hidden: Element, then next: LinearMap, into y: Buffer, _ end: Epilogue
  ) throws {
    try Profile.measure(
      "linear", part: part, flops: flops(rows: rows) + next.flops(rows: rows),
      bytes: Double(x.bytes + y.bytes + 4 * (weight.count + next.weight.count))
    ) {
      let products = try ChainedProducts(
        ChainedProduct(packed(), epilogue), ChainedProduct(next.packed(), end), hidden: hidden)
      try products.run(
        rows, MatrixView(x.raw, stride: inWidth, element: x.element),
        into: MatrixOutput(y.raw, stride: next.outWidth, element: y.element))
    }
  }

  /// Wᵀ.
  private func operand() throws -> RightOperand {
    try weight.packing?.operand(weight, computation) ?? .view(transposedView(weight))
  }

  /// Wᵀ, packed.
  private func packed() throws -> PackedMatrix {
    switch try operand() {
    case .packed(let packed): packed
    case .view(let view): try PackedMatrix(view, k: inWidth, n: outWidth, arithmetic: computation.linearArithmetic)
    }
  }

  /// dx = epilogue(dy·W)
  func pullBack(
    _ dy: Buffer, rows: Int, into dx: UnsafeMutableRawPointer, _ element: Element, _ epilogue: Epilogue
  ) throws {
    try measure("linear, input gradient", rows: rows, bytes: dy.bytes + rows * inWidth * element.size) {
      try parallelProduct(
        rows, inWidth, outWidth, MatrixView(dy.raw, stride: outWidth, element: dy.element),
        .view(MatrixView(weight.pointer, stride: inWidth)), into: MatrixOutput(dx, stride: inWidth, element: element),
        epilogue, arithmetic: computation.linearArithmetic)
    }
  }

  /// dW += dyᵀ·x, db += Σ dy
  func addGradients(dy: Buffer, rows: Int, input: () throws -> Buffer) throws {
    try weight.gradient?.accumulate(count: outWidth * inWidth) { place, beta in
      let input = try input()
      try measure("linear, weight gradient", rows: rows, bytes: dy.bytes + input.bytes) {
        try parallelProduct(
          outWidth, inWidth, rows, MatrixView(dy.raw, stride: outWidth, transposed: true, element: dy.element),
          .view(MatrixView(input.raw, stride: inWidth, element: input.element)),
          into: MatrixOutput(place, stride: inWidth), Epilogue(beta: beta), arithmetic: computation.arithmetic)
      }
    }
    try bias?.gradient?.accumulate(count: outWidth) { place, beta in
      try Profile.measure("linear, bias gradient", part: part, bytes: Double(dy.bytes)) {
        if beta == 0 { place.update(repeating: 0, count: outWidth) }
        try addColumnSums(dy.raw, dy.element, rows: rows, width: outWidth, into: place)
      }
    }
  }

  private func flops(rows: Int) -> Double { 2 * Double(rows) * Double(inWidth) * Double(outWidth) }

  /// - Parameter bytes: bytes of the operands other than the weight.
  private func measure(_ operation: String, rows: Int, bytes: Int, _ body: () throws -> Void) rethrows {
    try Profile.measure(
      operation, part: part, flops: flops(rows: rows), bytes: Double(bytes + 4 * weight.count), body)
  }
}
