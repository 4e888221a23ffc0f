import Compute
import Tensors

/// MAE's decoder: visible tokens and mask tokens, each with its position, in one sequence through self-attention
/// blocks; the head reads the places of the targets.
public final class SelfAttentionDecoder: Decoder {
  public let shape: DecoderShape
  let positions: PositionEmbedding
  let embed: Linear
  let maskToken: Parameter
  let blocks: LayerList<Block>
  let norm: LayerNorm
  let head: Linear

  /// - Throws: `OutOfMemory`.
  public init(_ shape: DecoderShape, positions: PositionEmbedding) throws {
    self.shape = shape
    self.positions = positions
    embed = try Linear(shape.encoderWidth, shape.width)
    maskToken = try Parameter([1, 1, shape.width], .normal(std: 0.02))
    blocks = try LayerList(
      (0..<shape.depth).map {
        try Block(
          BlockShape(width: shape.width, heads: shape.heads, hidden: shape.hidden),
          place: BlockIndex($0, of: shape.depth, network: 1))
      })
    norm = try LayerNorm(shape.width)
    head = try Linear(shape.width, shape.targetWidth)
  }

  public let readsTargetTokens = false

  public var members: [Member] {
    [
      .layer("pos_embed", positions), .layer("embed", embed), .parameter("mask_token", maskToken),
      .layer("blocks", blocks), .layer("norm", norm), .layer("head", head),
    ]
  }

  public func callAsFunction(_ tokens: Tensor, visible: [Int32], target: [Int32]) throws -> Tensor {
    let images = tokens.shape.first ?? 0
    let masked = try positions(target, images: images)
    let masks = try add(repeated(maskToken.tensor, like: masked), masked)
    var x = try joinTokens(withPositions(embed(tokens), visible), masks)
    for block in blocks.elements {
      try Interruption.check()
      x = try recomputed(x) { try block($0[0]) }
    }
    let (count, first) = (masked.shape[1], x.shape[1] - masked.shape[1])
    let places = (0..<images).flatMap { _ in (first..<first + count).map { Int32($0) } }
    return try head(norm.activation(selectTokens(x, indices: places)))
  }

  /// Positions added to all tokens; the class token has one only where positions are trained.
  private func withPositions(_ e: Tensor, _ visible: [Int32]) throws -> Tensor {
    let rows = try positions(visible, images: e.shape[0])
    guard shape.readsClassToken else { return try add(e, rows) }
    let row = try positions.ofClassToken() ?? .zeros([1, 1, shape.width])
    return try add(e, prependToken(row, to: rows, positions: .zeros(rows.shape)))
  }
}
