import Compute
import TestSupport
import Tensors
import Testing

@Suite struct ScoreBiasTests {
  /// A different number for each head, query and key, in −2 … 2, exact in float32.
  private static func number(_ head: Int, _ query: Int, _ key: Int) -> Float {
    Float((head * 37 + query * 11 + key * 23) % 33) / 8 - 2
  }

  private func made(heads: Int, tokens: Int, headWidth: Int) throws -> ScoreBias {
    try ScoreBias(heads: heads, tokens: tokens, headWidth: headWidth) { head, query, row in
      for key in 0..<tokens { row[key] = Self.number(head, query, key) }
    }
  }

  /// The last shape is treated in two blocks of queries.
  @Test(arguments: [(1, 1, 1, 1), (3, 17, 6, 3), (2, 33, 12, 4), (2, 16, 3, 3), (5, 350, 1, 1)])
  func selfAttentionWithBias(images: Int, tokens: Int, width: Int, heads: Int) throws {
    let bias = try made(heads: heads, tokens: tokens, headWidth: width / heads)
    let terms = width / heads + tokens
    // Scores reach 2 besides q·k: their rounding is twice that of a score of 1, in the value and in every weight of the
    // gradient.
    let floor = roundingError(terms: terms, magnitude: 2)
    try checkOperation(
      [[images, tokens, 3 * width]], gives: [images, tokens, width], terms: terms, valueFloor: floor,
      gradientFloor: floor,
      reference: { inputs in
        let parts = (0..<3).map { Reference.part(inputs[0], $0, of: 3, width: width) }
        return Reference.attention(
          q: parts[0], k: parts[1], v: parts[2], images: images, queries: tokens, keys: tokens, width: width,
          heads: heads, bias: { Double(Self.number($0, $1, $2)) })
      },
      operation: { try selfAttention($0[0], heads: heads, bias: bias) })
  }

  @Test func errors() throws {
    let bias = try made(heads: 2, tokens: 3, headWidth: 2)
    let x = try Tensor(shape: [1, 3, 12], values: randomValues(36, seed: 1))
    #expect(try selfAttention(x, heads: 2, bias: bias).shape == [1, 3, 4])
    expectShapeError("selfAttention", "2 heads of width 2 and 3 tokens", "wanted 4 of width 1 and 3") {
      _ = try selfAttention(x, heads: 4, bias: bias)
    }
    expectShapeError("selfAttention", "wanted 2 of width 1 and 6") {
      _ = try selfAttention(x.reshaped([1, 6, 6]), heads: 2, bias: bias)
    }
    expectShapeError("score bias", "0 heads", "positive sizes") { _ = try made(heads: 0, tokens: 3, headWidth: 2) }
  }
}

@Suite struct RegisterTests {
  @Test(arguments: [(1, 1, 1, 1), (3, 2, 5, 7), (2, 4, 17, 3)])
  func tokensInFront(images: Int, registers: Int, tokens: Int, width: Int) throws {
    func rows(_ inputs: [[Double]], from first: Int) -> [Double] {
      (0..<images).flatMap { image -> [Double] in
        inputs[first...].dropLast().flatMap { $0 }
          + inputs[inputs.count - 1][image * tokens * width..<(image + 1) * tokens * width]
      }
    }
    let shapes = [[1, 1, width], [1, registers, width], [images, tokens, width]]
    try checkOperation(
      shapes, gives: [images, 1 + registers + tokens, width], terms: images, reference: { rows($0, from: 0) },
      operation: { try prependTokens($0[0], $0[1], to: $0[2]) })
    try checkOperation(
      Array(shapes.dropFirst()), gives: [images, registers + tokens, width], terms: images,
      reference: { rows($0, from: 0) }, operation: { try prependTokens(nil, $0[0], to: $0[1]) })
  }

  @Test func errors() throws {
    let x = try Tensor(shape: [1, 2, 4], values: randomValues(8, seed: 1))
    let registers = try Tensor(shape: [1, 3, 4], values: randomValues(12, seed: 2))
    expectShapeError("prependTokens", "[3, 1, 4]", "[1, 1, 4]") {
      _ = try prependTokens(nil, registers.reshaped([3, 1, 4]), to: x)
    }
    expectShapeError("prependTokens", "[1, 3, 4]", "[1, 1, 4]") { _ = try prependTokens(registers, registers, to: x) }
  }
}
