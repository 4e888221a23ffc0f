import Compute

/// Numbers added to the scores of self-attention, one for each head, query and key, the same for all images: where
/// tokens lie to each other.
public struct ScoreBias: Sendable {
  public let heads: Int
  public let tokens: Int
  /// C/heads of the attention it belongs to.
  public let headWidth: Int
  let buffer: Buffer

  /// Calls `fill(head, query, row)` for every head and query, in parallel, to write the biases of all keys to `row`
  /// [N].
  ///
  /// - Parameters:
  ///   - tokens: N, the queries and keys of an image.
  ///   - fill: writes N numbers; runs inside a parallel region, where no array may be made.
  /// - Throws: `ShapeError` where a size is not positive, `OutOfMemory`.
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

  /// - Throws: `ShapeError` where it belongs to another attention.
  func check(_ shape: AttentionShape) throws {
    guard (heads, tokens, headWidth) == (shape.heads, shape.queries, shape.headWidth) else {
      throw ShapeError(
        "selfAttention",
        "bias is for \(heads) heads of width \(headWidth) and \(tokens) tokens, wanted \(shape.heads) of width "
          + "\(shape.headWidth) and \(shape.queries)")
    }
  }
}
