import Compute
import TestSupport
import Tensors
import Testing

/// Operations whose operands are rounded to bfloat16, against the same at float32.
@Suite(.enabled(if: InstructionSet.avx512bf16.isAvailable, "needs a processor with AVX512-BF16"))
struct BFloat16Tests {
  /// Half the distance from 1 to the next bfloat16.
  private let coarse = 0x1p-9

  /// Runs at both arithmetics and compares value and gradients: the error's length against the float32 result's.
  ///
  /// - Parameter roundings: how many roundings to bfloat16 lie one behind the other. Each moves what it touches by at
  ///   most `coarse` in proportion; errors of different elements are independent, so that lengths grow by at most so
  ///   much each.
  private func check(
    _ shapes: [[Int]], gives output: [Int], roundings: Int, sourceLocation: SourceLocation = #_sourceLocation,
    _ operation: ([Tensor]) throws -> Tensor
  ) throws {
    let inputs = shapes.enumerated().map { randomValues($1.reduce(1, *), seed: 1 + $0) }
    let cotangent = randomValues(output.reduce(1, *), seed: 99)
    func run(_ arithmetic: Arithmetic) throws -> OperationRun {
      try Computation.$current.withValue(Computation(arithmetic)) {
        try OperationRun(shapes, inputs, cotangent: cotangent, operation)
      }
    }
    try Machine.undisturbed {
      let (fine, rounded) = (try run(.float32), try run(.bfloat16))
      #expect(rounded.shape == output, sourceLocation: sourceLocation)
      let pairs = zip([fine.value] + fine.gradients, [rounded.value] + rounded.gradients)
      for (index, pair) in pairs.enumerated() {
        let error = length(zip(pair.0, pair.1).map { Double($0) - Double($1) }) / length(pair.0.map(Double.init))
        #expect(
          error < Double(roundings) * coarse, "\(index == 0 ? "value" : "gradient of input \(index - 1)")",
          sourceLocation: sourceLocation)
        #expect(index > 0 || error > 0, "nothing was rounded", sourceLocation: sourceLocation)
      }
    }
  }

  private func length(_ x: [Double]) -> Double { x.reduce(0) { $0 + $1 * $1 }.squareRoot() }

  /// Two operands, or an operand and the slope.
  @Test(arguments: [(1, 3, 5), (17, 177, 33), (40, 31, 1)])
  func linearMap(rows: Int, inWidth: Int, outWidth: Int) throws {
    try check([[rows, inWidth], [outWidth, inWidth], [outWidth]], gives: [rows, outWidth], roundings: 2) {
      try linear($0[0], weight: $0[1], bias: $0[2])
    }
  }

  /// Behind the first layer: operands, what is kept before the GELU, its result; the slope twice.
  @Test func multilayerPerceptron() throws {
    try check([[17, 33], [65, 33], [65], [31, 65], [31], [17, 31]], gives: [17, 31], roundings: 8) {
      try mlp(
        $0[0], first: LinearParameters(weight: $0[1], bias: $0[2]),
        second: LinearParameters(weight: $0[3], bias: $0[4]),
        residual: $0[5])
    }
  }

  /// A norm and an attention between two linear maps, as blocks have them: what passes between is bfloat16.
  @Test func attentionBetweenLinearMaps() throws {
    let (tokens, width) = (37, 32)
    try check(
      [[2, tokens, width], [width], [width], [3 * width, width], [width, width]], gives: [2, tokens, width],
      roundings: 12
    ) { inputs in
      let element = Computation.current.activation
      let normed = try layerNorm(inputs[0], weight: inputs[1], bias: inputs[2], epsilon: 1e-6, element: element)
      let qkv = try linear(normed, weight: inputs[3], element: element)
      return try linear(selfAttention(qkv, heads: 2), weight: inputs[4], residual: inputs[0])
    }
  }

  /// What is computed again for the gradient is what was there.
  @Test func recomputedNormAndGELU() throws {
    try check([[17, 33], [33], [33], [5, 33]], gives: [17, 5], roundings: 8) { inputs in
      let element = Computation.current.activation
      let normed = try layerNorm(inputs[0], weight: inputs[1], bias: inputs[2], epsilon: 1e-6, element: element)
      return try linear(gelu(normed), weight: inputs[3])
    }
  }
}
