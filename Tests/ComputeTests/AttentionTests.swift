import Compute
import Glibc
import TestSupport
import Testing

/// One attention: q, k and v [images, tokens, heads · headWidth], bias [heads, queries, keys].
private struct Trial {
  let shape: AttentionShape
  var q: [Float]
  var k: [Float]
  var v: [Float]
  var bias: [Float]?

  /// Keys grow along the tokens, so that the largest score of a row is found late.
  init(_ shape: AttentionShape, amplitude: Float = 1, hasBias: Bool = false) {
    self.shape = shape
    let width = shape.heads * shape.headWidth
    q = randomValues(shape.images * shape.queries * width, seed: 1, in: -amplitude...amplitude).map(rounded)
    k = randomValues(shape.images * shape.keys * width, seed: 2)
    for index in k.indices { k[index] = rounded(k[index] * Float(index / width % shape.keys + 1) / Float(shape.keys)) }
    v = randomValues(shape.images * shape.keys * width, seed: 3).map(rounded)
    bias = hasBias ? randomValues(shape.heads * shape.queries * shape.keys, seed: 4) : nil
  }

  private var width: Int { shape.heads * shape.headWidth }

  /// In double precision: outputs, and log Σ exp of every row.
  var expected: (output: [Double], logSumExp: [Double]) {
    var output = [Double](repeating: 0, count: q.count)
    var logSumExp: [Double] = []
    for image in 0..<shape.images {
      for head in 0..<shape.heads {
        for query in 0..<shape.queries {
          let row = (image * shape.queries + query) * width + head * shape.headWidth
          let scores = (0..<shape.keys).map { score(image, head, query, $0, row: row) }
          let largest = scores.max()!
          let sum = scores.reduce(0) { $0 + exp($1 - largest) }
          logSumExp.append(largest + log(sum))
          for key in 0..<shape.keys where scores[key] > -.infinity {
            let source = (image * shape.keys + key) * width + head * shape.headWidth
            for i in 0..<shape.headWidth { output[row + i] += exp(scores[key] - largest) / sum * Double(v[source + i]) }
          }
        }
      }
    }
    return (output, logSumExp)
  }

  private func score(_ image: Int, _ head: Int, _ query: Int, _ key: Int, row: Int) -> Double {
    let source = (image * shape.keys + key) * width + head * shape.headWidth
    let dot = (0..<shape.headWidth).reduce(0.0) { $0 + Double(q[row + $1]) * Double(k[source + $1]) }
    let added = bias.map { Double($0[(head * shape.queries + query) * shape.keys + key]) } ?? 0
    return dot / Double(shape.headWidth).squareRoot() + added
  }

  /// As `attention` computes it. A bias is premultiplied by √headWidth.
  func run(_ arithmetic: Arithmetic = .float32) throws -> (output: [Float], logSumExp: [Float]) {
    var (q, k, v) = (q, k, v)
    var output = [Float](repeating: .nan, count: q.count)
    var logSumExp = [Float](repeating: .nan, count: shape.images * shape.heads * shape.queries)
    let stride = AttentionBias.stride(keys: shape.keys)
    var padded = [Float](repeating: 0, count: bias == nil ? 0 : shape.heads * shape.queries * stride)
    for (index, value) in (bias ?? []).enumerated() {
      padded[index / shape.keys * stride + index % shape.keys] = value * Float(shape.headWidth).squareRoot()
    }
    try q.withUnsafeMutableBufferPointer { q in
      try k.withUnsafeMutableBufferPointer { k in
        try v.withUnsafeMutableBufferPointer { v in
          try output.withUnsafeMutableBufferPointer { output in
            try padded.withUnsafeBufferPointer { padded in
              func operand(_ x: UnsafeMutableBufferPointer<Float>) -> AttentionOperand {
                AttentionOperand(UnsafeMutableRawPointer(x.baseAddress!), rowStride: width)
              }
              try attention(
                shape, q: operand(q), k: operand(k), v: operand(v),
                bias: bias == nil ? nil : AttentionBias(padded.baseAddress!), output: operand(output),
                logSumExp: &logSumExp, arithmetic: arithmetic)
            }
          }
        }
      }
    }
    return (output, logSumExp)
  }

  /// How far a score may be from the exact one: its products, and the bias.
  var scoreError: Double {
    let largest = Double(q.map(abs).max()!) * Double(shape.headWidth).squareRoot()
    return roundingError(terms: shape.headWidth, magnitude: largest + (bias == nil ? 0 : 2))
  }
}

@Suite struct AttentionTests {
  /// One key, one query; a width of no whole vector; chunks of keys that are full, one longer, and several; several
  /// blocks of queries; heads wider than a tile, and than what is packed at once.
  static let shapes = [
    (1, 1, 1, 1, 1), (2, 3, 5, 31, 7), (1, 2, 57, 512, 8), (1, 1, 15, 513, 64), (1, 1, 3, 1100, 33),
    (1, 2, 120, 65, 80),
    (2, 1, 2, 40, 530),
  ]

  @Test(arguments: shapes, [false, true])
  func againstDoublePrecision(_ sizes: (Int, Int, Int, Int, Int), hasBias: Bool) throws {
    let (images, heads, queries, keys, width) = sizes
    let shape = AttentionShape(images: images, heads: heads, queries: queries, keys: keys, headWidth: width)
    let trial = Trial(shape, amplitude: 8, hasBias: hasBias)
    let expected = trial.expected
    // A weight is off by twice what scores are in proportion, and values are below 1.
    let error = 2 * trial.scoreError + roundingError(terms: keys, magnitude: 1)
    try Machine.onEachInstructionSet { set in
      let found = try trial.run()
      expectClose(found.output, expected.output, absolute: error, "output, \(set)")
      expectClose(found.logSumExp, expected.logSumExp, absolute: error, relative: 2 * roundoff, "log-sum-exp, \(set)")
    }
  }

  /// Operands are the same; weights are rounded to bfloat16, which moves each by 2⁻⁹ of itself at most.
  @Test(.enabled(if: InstructionSet.avx512bf16.isAvailable, "needs a processor with AVX512-BF16"), arguments: shapes)
  func inBFloat16(_ sizes: (Int, Int, Int, Int, Int)) throws {
    let (images, heads, queries, keys, width) = sizes
    let shape = AttentionShape(images: images, heads: heads, queries: queries, keys: keys, headWidth: width)
    let trial = Trial(shape, amplitude: 8)
    let expected = trial.expected
    let error = 0x1p-9 + 2 * trial.scoreError + roundingError(terms: keys, magnitude: 1)
    try Machine.undisturbed {
      let found = try trial.run(.bfloat16)
      expectClose(found.output, expected.output, absolute: error)
      expectClose(
        found.logSumExp, expected.logSumExp, absolute: trial.scoreError + 3e-6, relative: 2 * roundoff, "log-sum-exp")
    }
  }

  /// Keys that a bias of −∞ shuts out count for nothing, even where a whole chunk is shut out before any other.
  @Test func shutOutKeys() throws {
    let (queries, keys, open) = (3, 700, 640)
    var trial = Trial(AttentionShape(images: 1, heads: 1, queries: queries, keys: keys, headWidth: 4), hasBias: true)
    for query in 0..<queries {
      for key in 0..<open { trial.bias![query * keys + key] = -.infinity }
    }
    let expected = trial.expected
    try Machine.onEachInstructionSet { set in
      expectClose(try trial.run().output, expected.output, absolute: 1e-5, "\(set)")
    }
  }

  /// A query that is no number spoils its own row alone, a key every row.
  @Test func notANumber() throws {
    let plain = Trial(AttentionShape(images: 1, heads: 1, queries: 20, keys: 600, headWidth: 4))
    var (query, key) = (plain, plain)
    query.q[4 * 7 + 1] = .nan
    key.k[4 * 550 + 1] = .nan
    try Machine.onEachInstructionSet { set in
      for (index, value) in try query.run().output.enumerated() {
        #expect(value.isNaN == (index / 4 == 7), "\(index), \(set)")
      }
      #expect(try key.run().output.allSatisfy(\.isNaN), "\(set)")
    }
  }

  /// However queries are shared out.
  @Test func sameBitsForAnyNumberOfThreads() throws {
    let trial = Trial(AttentionShape(images: 1, heads: 2, queries: 2100, keys: 530, headWidth: 8))
    var first: [Float]?
    try Machine.onEachThreadCount(of: [1, 2, 3, 8]) { threads in
      let output = try trial.run().output
      expectSameBits(output, first ?? output, "\(threads) threads")
      first = output
    }
  }
}
