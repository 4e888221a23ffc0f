import Compute
import TestSupport
import Tensors
import Testing

@Suite struct AttentionTests {
  /// With one key its weight is 1 and the gradient of its score P·(dP − P·dP) = 0: of the two terms, of size 1, a
  /// rounding stays.
  func gradientFloor(terms: Int) -> Double { roundingError(terms: terms, magnitude: 1) }

  @Test(arguments: [
    (1, 1, 1, 1), (3, 17, 6, 3), (1, 177, 1, 1), (1, 3, 177, 1), (5, 3, 12, 4), (2, 17, 3, 3), (1, 400, 3, 1),
  ])
  func selfAttentionOf(images: Int, tokens: Int, width: Int, heads: Int) throws {
    let terms = width / heads + tokens
    try checkOperation(
      [[images, tokens, 3 * width]], gives: [images, tokens, width], terms: terms,
      gradientFloor: gradientFloor(terms: terms),
      reference: { inputs in
        let parts = (0..<3).map { Reference.part(inputs[0], $0, of: 3, width: width) }
        return Reference.attention(
          q: parts[0], k: parts[1], v: parts[2], images: images, queries: tokens, keys: tokens, width: width,
          heads: heads)
      },
      operation: { try selfAttention($0[0], heads: heads) })
  }

  @Test(arguments: [
    (1, 1, 1, 1, 1), (3, 17, 3, 6, 3), (1, 1, 177, 3, 1), (1, 177, 1, 3, 3), (2, 3, 1, 177, 1), (7, 1, 3, 6, 2),
  ])
  func crossAttentionOf(images: Int, queries: Int, keys: Int, width: Int, heads: Int) throws {
    let terms = width / heads + keys + queries
    try checkOperation(
      [[images, queries, width], [images, keys, 2 * width]], gives: [images, queries, width], terms: terms,
      gradientFloor: gradientFloor(terms: terms),
      reference: { inputs in
        Reference.attention(
          q: inputs[0], k: Reference.part(inputs[1], 0, of: 2, width: width),
          v: Reference.part(inputs[1], 1, of: 2, width: width), images: images, queries: queries, keys: keys,
          width: width, heads: heads)
      },
      operation: { try crossAttention($0[0], $0[1], heads: heads) })
  }

  @Test func selfAttentionErrors() throws {
    let x = try Tensor(shape: [1, 2, 12], values: randomValues(24, seed: 1))
    expectShapeError("selfAttention", "[2, 12]", "3 dimensions") {
      _ = try selfAttention(x.reshaped([2, 12]), heads: 1)
    }
    expectShapeError("selfAttention", "is 8", "three times a multiple of 1") {
      _ = try selfAttention(x.reshaped([1, 3, 8]), heads: 1)
    }
    expectShapeError("selfAttention", "is 12", "multiple of 3") { _ = try selfAttention(x, heads: 3) }
    expectShapeError("selfAttention", "0 heads") { _ = try selfAttention(x, heads: 0) }
  }

  @Test func crossAttentionErrors() throws {
    let q = try Tensor(shape: [1, 2, 4], values: randomValues(8, seed: 1))
    let kv = try Tensor(shape: [1, 3, 8], values: randomValues(24, seed: 1))
    expectShapeError("crossAttention", "[8]", "3 dimensions") { _ = try crossAttention(q.reshaped([8]), kv, heads: 1) }
    expectShapeError("crossAttention", "[3, 8]", "[1, ", "8]") {
      _ = try crossAttention(q, kv.reshaped([3, 8]), heads: 1)
    }
    expectShapeError("crossAttention", "[3, 1, 8]", "[1, 1, 8]") {
      _ = try crossAttention(q, kv.reshaped([3, 1, 8]), heads: 1)
    }
    expectShapeError("crossAttention", "is 4", "multiple of 3") { _ = try crossAttention(q, kv, heads: 3) }
    expectShapeError("crossAttention", "0 heads") { _ = try crossAttention(q, kv, heads: 0) }
  }

  /// Nothing to attend to, or nobody who attends: empty or zero, not a message from the linear algebra library.
  @Test func noTokens() throws {
    #expect(try selfAttention(Tensor(shape: [2, 0, 6], values: []), heads: 2).shape == [2, 0, 2])
    let queries = try Tensor(shape: [1, 2, 3], values: randomValues(6, seed: 1))
    let y = try crossAttention(queries, Tensor(shape: [1, 0, 6], values: []), heads: 1)
    #expect(y.values == [0, 0, 0, 0, 0, 0])
  }
}
