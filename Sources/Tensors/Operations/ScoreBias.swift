import Compute

/// A bias [heads, N, N] added to the scores of self-attention, the same for all images: relative positions of tokens.
public struct ScoreBias: Sendable {
  public let heads: Int
  public let tokens: Int
  /// C/heads of the attention that it belongs to.
  public let headWidth: Int
  let buffer: Buffer

  /// Calls `fill(head, query, row)` for every head and query, in parallel, to write the bias of every key to `row` [N].
  ///
  /// - Parameters:
  ///   - tokens: N, the queries and keys of an image.
  ///   - fill: runs inside a parallel region, where no array may be created.
  /// - Throws: `ShapeError` if a size is not positive, `OutOfMemory`.
  public init(
    heads: Int, tokens: Int, headWidth: Int, fill: (Int, Int, UnsafeMutablePointer<Float>) -> Void
  ) throws {
    let stride = AttentionBias.stride(keys: tokens)
    guard heads > 0, tokens > 0, headWidth > 0, let count = elementCount([heads, tokens, stride]) else {
      throw ShapeError("score bias", "\(heads) heads of width \(headWidth), \(tokens) tokens: wanted positive sizes")
    }
    (self.heads, self.tokens, self.headWidth) = (heads, tokens, headWidth)
    buffer = try Buffer(count: count)
    let (place, unit) = (buffer.pointer, Float(headWidth).squareRoot())
    parallelRows(heads * tokens, cost: stride) { range in
      for row in range {
        let start = place + row * stride
        fill(row / tokens, row % tokens, start)
        for key in 0..<tokens { start[key] *= unit }
      }
    }
  }

  var operand: AttentionBias { AttentionBias(buffer.pointer) }

  /// The biases of some queries, [heads, queries, stride].
  func rows(of queries: [Int32]) throws -> Buffer {
    let stride = AttentionBias.stride(keys: tokens)
    let chosen = try Buffer(count: heads * queries.count * stride)
    for head in 0..<heads {
      for (place, query) in queries.enumerated() {
        (chosen.pointer + (head * queries.count + place) * stride).update(
          from: buffer.pointer + (head * tokens + Int(query)) * stride, count: stride)
      }
    }
    return chosen
  }

  /// - Throws: `ShapeError` if it does not fit the attention.
  func check(_ shape: AttentionShape) throws {
    guard (heads, tokens, headWidth) == (shape.heads, shape.queries, shape.headWidth) else {
      throw ShapeError(
        "selfAttention",
        "bias is for \(heads) heads of width \(headWidth) and \(tokens) tokens, wanted \(shape.heads) of width "
          + "\(shape.headWidth) and \(shape.queries)")
    }
  }
}
