import Compute
import Tensors

/// The sizes of a decoder.
public struct DecoderShape: Sendable, Equatable {
  /// C, the width of what it reads and predicts.
  public var encoderWidth: Int
  /// D, its own width.
  public var width: Int
  public var depth: Int
  public var heads: Int
  public var mlpRatio: Double

  public init(encoderWidth: Int, width: Int, depth: Int, heads: Int, mlpRatio: Double = 4) {
    self.encoderWidth = encoderWidth
    self.width = width
    self.depth = depth
    self.heads = heads
    self.mlpRatio = mlpRatio
  }
}

extension DecoderShape {
  /// Hidden width of the blocks' MLPs.
  var hidden: Int { Int((Double(width) * mlpRatio).rounded()) }
}

/// The cross-attention decoder with visual cues (§3.6): predicts target latents from visible ones and from where both lie.
public final class CrossAttentionDecoder: Layer {
  public let shape: DecoderShape
  /// Factor of the cue logits position_t · position_v.
  let cueScale: Float
  let embed: Linear
  let classToken: Parameter
  let maskToken: Parameter
  let blocks: LayerList<CrossBlock>
  let norm: LayerNorm
  let head: Linear

  /// - Throws: `OutOfMemory`.
  public init(_ shape: DecoderShape, cueScale: Float) throws {
    self.shape = shape
    self.cueScale = cueScale
    embed = try Linear(shape.encoderWidth, shape.width)
    classToken = try Parameter([1, 1, shape.width], .normal(deviation: 0.02))
    maskToken = try Parameter([1, 1, shape.width], .zeros)
    blocks = try LayerList(
      (0..<shape.depth).map {
        try CrossBlock(
          shape.width, heads: shape.heads, hidden: shape.hidden, place: BlockPlace($0, of: shape.depth, network: 1))
      })
    norm = try LayerNorm(shape.width)
    head = try Linear(shape.width, shape.encoderWidth)
  }

  public var members: [Member] {
    [
      .layer("embed", embed), .parameter("cls_token", classToken), .parameter("mask_token", maskToken),
      .layer("blocks", blocks), .layer("norm", norm), .layer("head", head),
    ]
  }

  /// - Parameters:
  ///   - visible: [B, V + 1, C], projected online tokens, class token first.
  ///   - visiblePositions: [B, V, D].
  ///   - targetPositions: [B, T, D].
  /// - Returns: predictions [B, T, C].
  /// - Throws: `ShapeError`, `OutOfMemory`, `Interrupted`.
  public func callAsFunction(_ visible: Tensor, visiblePositions: Tensor, targetPositions: Tensor) throws -> Tensor {
    let e = try embed(visible)
    let memory = try add(e, withClassRow(visiblePositions))
    let weights = try cueWeights(targets: targetPositions, visible: visiblePositions, scale: cueScale)
    let queries = try visualCues(e, maskToken: maskToken.tensor, weights: weights)
    var q = try prependToken(classToken.tensor, to: queries, positions: targetPositions)
    for block in blocks.elements {
      try Interruption.check()
      q = try recomputed(q, memory) { try block($0[0], memory: $0[1]) }
    }
    return try dropFirstToken(head(norm.activation(q)))
  }

  /// The positions with a row of zeros for the class token in front of each image's.
  private func withClassRow(_ positions: Tensor) throws -> Tensor {
    let zeros = try Tensor(shape: [1, 1, shape.width], values: [Float](repeating: 0, count: shape.width))
    let none = try Tensor(shape: positions.shape, values: [Float](repeating: 0, count: positions.count))
    return try prependToken(zeros, to: positions, positions: none)
  }
}
