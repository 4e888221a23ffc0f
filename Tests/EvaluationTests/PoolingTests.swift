import Evaluation
import TestSupport
import Testing

@Suite struct PoolingTests {
  private func pool(
    _ pooling: Pooling, _ tokens: [Float], batch: Int, patches: Int, width: Int
  ) throws -> [Float] {
    Array(
      try tokens.withUnsafeBufferPointer { try pooling($0, batch: batch, patches: patches, width: width) }.values)
  }

  @Test(arguments: [(1, 1, 1), (2, 17, 3), (3, 5, 17)])
  func agreesWithBruteForce(_ size: (Int, Int, Int)) throws {
    let (batch, patches, width) = size
    let tokens = randomValues(batch * (patches + 1) * width, seed: 1)
    for k in 1...patches {
      let found = try pool(.topKMean(k: k), tokens, batch: batch, patches: patches, width: width)
      for image in 0..<batch {
        for channel in 0..<width {
          let column = (1...patches).map { tokens[(image * (patches + 1) + $0) * width + channel] }
          let expected = column.sorted(by: >).prefix(k).reduce(0.0) { $0 + Double($1) } / Double(k)
          #expect(abs(Double(found[image * width + channel]) - expected) < 1e-6)
        }
      }
    }
    let sizes = (batch: batch, patches: patches, width: width)
    func pooled(_ pooling: Pooling) throws -> [Float] {
      try pool(pooling, tokens, batch: sizes.batch, patches: sizes.patches, width: sizes.width)
    }
    #expect(try pooled(.max) == pooled(.topKMean(k: 1)))
    for (mean, top) in zip(try pooled(.mean), try pooled(.topKMean(k: patches))) { #expect(abs(mean - top) < 1e-6) }
    #expect(
      try pooled(.cls)
        == (0..<batch).flatMap { image in
          (0..<width).map { tokens[image * (patches + 1) * width + $0] }
        })
  }

  @Test func handlesTiesSignsAndNaN() throws {
    // One channel: class token 9, patches after it.
    #expect(try pool(.max, [9, -3, -1, -2], batch: 1, patches: 3, width: 1) == [-1])
    #expect(try pool(.topKMean(k: 2), [9, 4, 4, 4, 1], batch: 1, patches: 4, width: 1) == [4])
    #expect(try pool(.mean, [9, 1, 2, 6], batch: 1, patches: 3, width: 1) == [3])
    for place in 1...3 {
      var tokens: [Float] = [9, 1, 2, 3]
      tokens[place] = .nan
      for pooling in [Pooling.max, .mean, .topKMean(k: 2)] {
        #expect(try pool(pooling, tokens, batch: 1, patches: 3, width: 1)[0].isNaN)
      }
    }
  }

  /// Sums of many tokens in float32 would be off by far more than a digit.
  @Test(arguments: [784, 1369, 100_000]) func ofEqualTokensAreTheToken(_ count: Int) throws {
    let token: [Float] = (0..<19).map { 0.1 + 0.37 * Float($0) }
    let tokens = (0...count).flatMap { $0 == 0 ? [Float](repeating: 9, count: 19) : token }
    for pooling in [Pooling.mean, .max, .topKMean(k: 10), .topKMean(k: count)] {
      #expect(try pool(pooling, tokens, batch: 1, patches: count, width: 19) == token, "\(pooling)")
    }
  }

  @Test func hasNames() {
    for kind in PoolingKind.allCases { #expect(Pooling(kind).kind == kind) }
    #expect(Pooling(.topKMean, k: 3).description == "topk_mean 3")
  }

  @Test func tokensMayStayAsTheyAre() throws {
    let tokens: [Float] = [9, 8, 1, 2, 3, 4, 7, 6, 5, 6, 7, 8]
    #expect(try pool(.tokens, tokens, batch: 2, patches: 2, width: 2) == tokens)
    #expect(try pool(.patches, tokens, batch: 2, patches: 2, width: 2) == [1, 2, 3, 4, 5, 6, 7, 8])
    #expect(Pooling.tokens.width(patches: 2, channels: 2, hasClassToken: true) == 6)
    #expect(Pooling.patches.width(patches: 2, channels: 2, hasClassToken: true) == 4)
  }

  @Test func refusesBadInput() {
    for k in [0, -1, 3, .max] {
      #expect(throws: PoolingError.topK(k, patches: 2)) {
        try pool(.topKMean(k: k), [1, 2, 3], batch: 1, patches: 2, width: 1)
      }
    }
    for (batch, patches, width) in [
      (1, 3, 1), (0, 2, 1), (3, 0, 1), (-1, 2, -1), (1, .max, 1), (.max, 2, .max), (1, 2, 0),
    ] {
      #expect(throws: PoolingError.tokens(found: 3, batch: batch, patches: patches, width: width)) {
        try pool(.mean, [1, 2, 3], batch: batch, patches: patches, width: width)
      }
    }
  }
}
