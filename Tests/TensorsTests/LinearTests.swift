import Compute
import Glibc
import TestSupport
import Tensors
import Testing

@Suite struct LinearTests {
  /// The operation and its reference for any of the four forms.
  func check(_ shape: [Int], outWidth: Int, bias: Bool, residual: Bool) throws {
    let (rows, inWidth) = (shape.dropLast().reduce(1, *), shape[shape.count - 1])
    let output = shape.dropLast() + [outWidth]
    let shapes = [shape, [outWidth, inWidth]] + (bias ? [[outWidth]] : []) + (residual ? [Array(output)] : [])
    // Forward sums over the input width, gradients over the output width and over the rows.
    try checkOperation(
      shapes, gives: Array(output), terms: max(inWidth, outWidth, rows),
      reference: { inputs in
        var y = Reference.productWithTransposed(inputs[0], inputs[1], depth: inWidth)
        if bias { for i in y.indices { y[i] += inputs[2][i % outWidth] } }
        if residual, let added = inputs.last { for i in y.indices { y[i] += added[i] } }
        return y
      },
      operation: { inputs in
        try linear(
          inputs[0], weight: inputs[1], bias: bias ? inputs[2] : nil, residual: residual ? inputs.last : nil)
      })
  }

  @Test(arguments: [([1, 1], 1), ([3, 17], 1), ([17, 3], 177), ([3, 177], 17), ([177, 1], 3), ([1, 3, 17], 3)])
  func allForms(shape: [Int], outWidth: Int) throws {
    for bias in [false, true] {
      for residual in [false, true] { try check(shape, outWidth: outWidth, bias: bias, residual: residual) }
    }
  }

  /// Sizes that cut rows, columns or depth among threads, forward or backward.
  @Test(arguments: [([700, 3], 5), ([3, 5], 700), ([3, 1100], 5), ([2, 550, 3], 5)])
  func severalPieces(shape: [Int], outWidth: Int) throws {
    try check(shape, outWidth: outWidth, bias: true, residual: true)
  }

  @Test func vectorInput() throws {
    try check([17], outWidth: 3, bias: true, residual: false)
  }

  @Test func errorsNameTheShapes() throws {
    let x = try Tensor(shape: [2, 3], values: randomValues(6, seed: 1))
    let weight = try Tensor(shape: [5, 3], values: randomValues(15, seed: 2))
    expectShapeError("linear", "weight", "2 dimensions", "[6]") {
      _ = try linear(x, weight: Tensor(shape: [6], values: randomValues(6, seed: 1)))
    }
    expectShapeError("linear", "last dimension is 2", "wants 3") { _ = try linear(x.reshaped([3, 2]), weight: weight) }
    expectShapeError("linear", "bias", "[2, 3]", "[5]") { _ = try linear(x, weight: weight, bias: x) }
    expectShapeError("linear", "residual", "[2, 3]", "[2, 5]") { _ = try linear(x, weight: weight, residual: x) }
  }
}

@Suite struct MLPTests {
  @Test(arguments: [(1, 1, 1, 1), (17, 3, 177, 5), (33, 31, 8, 17)])
  func valueAndGradients(rows: Int, inWidth: Int, hidden: Int, outWidth: Int) throws {
    let shapes = [[rows, inWidth], [hidden, inWidth], [hidden], [outWidth, hidden], [outWidth], [rows, outWidth]]
    try checkOperation(
      shapes, gives: [rows, outWidth], terms: inWidth + hidden + rows, valueFloor: 1e-6, gradientFloor: 1e-6,
      reference: { inputs in
        func map(_ x: [Double], _ weight: [Double], _ bias: [Double], _ from: Int, _ to: Int) -> [Double] {
          (0..<rows * to).map { index in
            (0..<from).reduce(bias[index % to]) { $0 + x[index / to * from + $1] * weight[index % to * from + $1] }
          }
        }
        let activated = map(inputs[0], inputs[1], inputs[2], inWidth, hidden).map {
          0.5 * $0 * erfc(-$0 / 2.0.squareRoot())
        }
        return zip(map(activated, inputs[3], inputs[4], hidden, outWidth), inputs[5]).map { $0 + $1 }
      },
      operation: {
        try mlp($0[0], first: layer($0[1], $0[2]), second: layer($0[3], $0[4]), residual: $0[5])
      })
  }

  /// Without a gradient some rows at a time go through the norm and both layers; with one all go layer by layer. A last
  /// part is shorter.
  @Test(arguments: [false, true]) func multilayerPerceptronInParts(isNormed: Bool) throws {
    let (rows, width, hidden) = (2 * 168 * 2 + 11, 9, 4096)
    func tensor(_ shape: [Int], _ seed: Int) throws -> Tensor {
      try Tensor.leaf(shape: shape, buffer: Buffer(randomValues(shape.reduce(1, *), seed: seed)))
    }
    let (x, residual) = (try tensor([rows, width], 1), try tensor([rows, width], 2))
    let first = layer(try tensor([hidden, width], 3), try tensor([hidden], 5))
    let second = layer(try tensor([width, hidden], 4), try tensor([width], 6))
    let norm = NormParameters(weight: try tensor([width], 7), bias: try tensor([width], 8), epsilon: 1e-6)
    try Machine.onEachThreadCount { threads in
      #expect(RowChain.isWorthwhile(rows: rows) == InstructionSet.hasOwnProducts)
      func run() throws -> Tensor {
        try mlp(x, norm: isNormed ? norm : nil, first: first, second: second, residual: residual)
      }
      let whole = try Tape.record { try run() }.0
      expectSameBits(Array(try run().values), Array(whole.values), "\(threads) threads")
    }
  }

  @Test func errorsNameTheShapes() throws {
    func tensor(_ shape: [Int]) throws -> Tensor { try Tensor(shape: shape, buffer: Buffer(count: shape.reduce(1, *))) }
    let (x, first, second) = (try tensor([2, 3]), try tensor([4, 3]), try tensor([3, 5]))
    expectShapeError("mlp", "is 4", "wants 5") {
      _ = try mlp(x, first: layer(first, nil), second: layer(second, nil), residual: x)
    }
  }
}

@Suite struct PackedWeightTests {
  /// A weight that changes is packed anew; one that is kept gives the bits of one packed on the way.
  @Test func packedFormsFollowTheWeight() throws {
    let x = try Tensor(shape: [17, 33], values: randomValues(17 * 33, seed: 1))
    let weight = try Tensor.leaf(shape: [9, 33], buffer: Buffer(randomValues(9 * 33, seed: 2)))
    try Machine.undisturbed {
      let kept = Computation(.float32, keepsPackedWeights: true)
      func both() throws -> ([Float], [Float]) {
        (
          try linear(x, weight: weight).values,
          try Computation.$current.withValue(kept) { try linear(x, weight: weight).values }
        )
      }
      let before = try both()
      expectSameBits(before.1, before.0, "kept")
      for index in 0..<weight.count { weight.pointer[index] *= -1 }
      weight.packing?.forget()
      let after = try both()
      expectSameBits(after.0, before.0.map(-), "the weight's sign")
      expectSameBits(after.1, after.0, "kept, after the change")
    }
  }
}

private func layer(_ weight: Tensor, _ bias: Tensor?) -> LinearParameters {
  LinearParameters(weight: weight, bias: bias)
}
