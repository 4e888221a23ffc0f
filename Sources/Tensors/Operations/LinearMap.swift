import Compute

/// A linear layer's parameters: weight [out, in], bias [out].
public struct LinearParameters {
  public let weight: Tensor
  public let bias: Tensor?

  public init(weight: Tensor, bias: Tensor?) {
    self.weight = weight
    self.bias = bias
  }

  var tensors: [Tensor?] { [weight, bias] }
}

/// A linear layer and its three products: forward, gradient of the input, gradient of the weight.
struct LinearMap {
  let weight: Tensor
  let bias: Tensor?
  let computation = Computation.current
  let part = Profile.part
  var inWidth: Int { weight.shape[1] }
  var outWidth: Int { weight.shape[0] }

  /// - Throws: `ShapeError` where the parameters do not fit each other, or rows `inWidth` wide.
  init(_ parameters: LinearParameters, inWidth: Int, operation: String) throws {
    let (weight, bias) = (parameters.weight, parameters.bias)
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

  /// Wᵀ.
  private func operand() throws -> RightOperand {
    try weight.packing?.operand(weight, computation) ?? .view(transposedView(weight))
  }

  /// Wᵀ, packed.
  func packed() throws -> PackedMatrix {
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

  /// Operations of its value.
  func flops(rows: Int) -> Double { 2 * Double(rows) * Double(inWidth) * Double(outWidth) }

  /// - Parameter bytes: bytes of the operands other than the weight.
  private func measure(_ operation: String, rows: Int, bytes: Int, _ body: () throws -> Void) rethrows {
    try Profile.measure(
      operation, part: part, flops: flops(rows: rows), bytes: Double(bytes + 4 * weight.count), body)
  }
}

extension RowChain {
  /// What it makes of the rows of x, a constant of float32.
  ///
  /// - Parameters:
  ///   - operation: its name in a profile; `flops` and `weightBytes` are what it computes and reads besides x.
  /// - Throws: `OutOfMemory`, `ArgumentError` where int8 cannot take the operands.
  func result(
    _ x: Tensor, shape: [Int], profiledAs operation: String, flops: Double, weightBytes: Int
  ) throws -> Tensor {
    let width = shape.last ?? 1
    let y = try Buffer(count: x.rows * width)
    try Profile.measure(operation, flops: flops, bytes: Double(x.buffer.bytes + y.bytes + weightBytes)) {
      try run(
        x.rows, MatrixView(x.buffer.raw, stride: x.width, element: x.element),
        into: MatrixOutput(y.raw, stride: width))
    }
    return try Tensor(shape: shape, buffer: y)
  }
}
