import Compute
import TestSupport
import Tensors
import Testing

/// Linear maps with eight-bit operands: value and input gradient, as layers ask for it.
@Suite(.enabled(if: Arithmetic.int8.isAvailable, "needs a processor with AVX2"))
struct QuantizedTests {
  private func run(
    _ shapes: [[Int]], gives output: [Int], _ arithmetic: Arithmetic, _ operation: ([Tensor]) throws -> Tensor
  ) throws -> OperationRun {
    let inputs = shapes.enumerated().map { randomValues($1.reduce(1, *), seed: 1 + $0).map(shortened) }
    let cotangent = randomValues(output.reduce(1, *), seed: 99).map(shortened)
    return try Computation.$current.withValue(Computation(arithmetic)) {
      try OperationRun(shapes, inputs, cotangent: cotangent) { x in
        try Computation.quantizing { try operation(x) }
      }
    }
  }

  /// What rounding to bfloat16 leaves as it is.
  private func shortened(_ x: Float) -> Float { Float(bitPattern: x.bitPattern & 0xFFFF_0000) }

  /// x·Wᵀ and dy·W are the whole numbers of their definition, the weight by its rows and by its columns; the gradients
  /// of weight and bias are those of what is computed beside eight bits.
  @Test(arguments: [(1, 3, 5), (17, 177, 33), (40, 31, 1), (9, 300, 261)])
  func linearMap(rows: Int, inWidth: Int, outWidth: Int) throws {
    let shapes = [[rows, inWidth], [outWidth, inWidth], [outWidth]]
    let x = randomValues(rows * inWidth, seed: 1).map(shortened)
    let w = randomValues(outWidth * inWidth, seed: 2).map(shortened)
    let dy = randomValues(rows * outWidth, seed: 99).map(shortened)
    let turned = (0..<inWidth).flatMap { column in (0..<outWidth).map { w[$0 * inWidth + column] } }
    try Machine.onEachInt8Product { way in
      let beside = Arithmetic.besideInt8
      let found = try run(shapes, gives: [rows, outWidth], .int8) { try linear($0[0], weight: $0[1]) }
      let coarse = try run(shapes, gives: [rows, outWidth], beside) { try linear($0[0], weight: $0[1]) }
      let y = QuantizedReference(m: rows, n: outWidth, k: inWidth).product(x, w)
      let dx = QuantizedReference(m: rows, n: inWidth, k: outWidth).product(dy, turned)
      #expect(found.value == y && found.gradients[0] == dx, "\(way)")
      expectSameBits(found.gradients[1], coarse.gradients[1], "weight")
      let biased = try run(shapes, gives: [rows, outWidth], .int8) { try linear($0[0], weight: $0[1], bias: $0[2]) }
      let plain = try run(shapes, gives: [rows, outWidth], beside) { try linear($0[0], weight: $0[1], bias: $0[2]) }
      expectSameBits(biased.gradients[2], plain.gradients[2], "bias")
    }
  }

  /// An operand of eight bits is off by half a step at most, (largest / rms) / 254 of its length, or / 127 where four
  /// numbers of one sign, some twice the largest at most, fill the steps, and by 1/√3 of that where errors are spread
  /// evenly; numbers spread evenly have largest / rms = √3. Errors of operands are independent. Two operands lie behind
  /// the first layer's result, four behind the second's; the gradient has its own two besides the slope's, which is as
  /// exact as what stands before it.
  @Test func multilayerPerceptron() throws {
    let shapes = [[40, 96], [200, 96], [200], [64, 200], [64], [40, 64]]
    func operation(_ x: [Tensor]) throws -> Tensor {
      try mlp(
        x[0], first: LinearParameters(weight: x[1], bias: x[2]), second: LinearParameters(weight: x[3], bias: x[4]),
        residual: x[5])
    }
    try Machine.onEachInt8Product { way in
      let fine = try run(shapes, gives: [40, 64], .float32, operation)
      let short = try run(shapes, gives: [40, 64], .int8, operation)
      // Behind the GELU, and of gradients that went through a product, the largest number is some four times the rms.
      let step = 4 / ((way.hasSuffix("VPMADDUBSW") ? 127 : 254) * 3.0.squareRoot())
      for (index, pair) in zip([fine.value] + fine.gradients, [short.value] + short.gradients).enumerated() {
        let error = length(zip(pair.0, pair.1).map { Double($0) - Double($1) }) / length(pair.0.map(Double.init))
        #expect(error < 3 * 6.0.squareRoot() * step, "\(way), \(index): \(error)")
        #expect(error > 0 || index > 4, "nothing was rounded: \(index)")
      }
    }
  }

  private func length(_ x: [Double]) -> Double { x.reduce(0) { $0 + $1 * $1 }.squareRoot() }

  @Test func sameBitsForAnyThreadCount() throws {
    var runs: [OperationRun] = []
    try Machine.onEachThreadCount { _ in
      runs.append(
        try run([[70, 64], [300, 64], [300]], gives: [70, 300], .int8) {
          try linear($0[0], weight: $0[1], bias: $0[2])
        })
    }
    for other in runs.dropFirst() {
      expectSameBits(other.value, runs[0].value, "value")
      for (one, first) in zip(other.gradients, runs[0].gradients) { expectSameBits(one, first, "gradient") }
    }
  }

  /// Only where layers ask for it, and targets as they have it for themselves.
  @Test func whoQuantizes() throws {
    var computation = Computation(.int8)
    #expect(computation.quantizesBlocks && !computation.isQuantized && computation.arithmetic == .besideInt8)
    computation.targetArithmetic = .float32
    #expect(computation.ofTargets.arithmetic == .float32 && !computation.ofTargets.quantizesBlocks)
    Computation.$current.withValue(computation) {
      Computation.quantizing {
        #expect(Computation.current.isQuantized)
        Computation.withoutQuantizing { #expect(!Computation.current.isQuantized) }
        #expect(!Computation.current.ofTargets.isQuantized)
      }
    }
    computation = Computation(.bfloat16)
    Computation.$current.withValue(computation) {
      Computation.quantizing { #expect(!Computation.current.isQuantized) }
    }
    computation.targetArithmetic = .int8
    #expect(computation.ofTargets.quantizesBlocks && !computation.quantizesBlocks)
  }
}
