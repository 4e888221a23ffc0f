import Compute
import Tensors

/// The cross-attention decoder (§3.6): predicts targets from visible tokens, which every block attends to, and from
/// where both lie. With visual cues, queries start as blends of the visible tokens nearby.
public final class CrossAttentionDecoder: Decoder {
  public let shape: DecoderShape
  /// Factor of the cue logits position_t · position_v; nil: no cues.
  let cueScale: Float?
  let positions: PositionEmbedding
  let embed: Linear
  let classToken: Parameter?
  let maskToken: Parameter
  let blocks: LayerList<CrossBlock>
  let norm: LayerNorm
  let head: Linear

  /// - Throws: `OutOfMemory`.
  public init(_ shape: DecoderShape, positions: PositionEmbedding, cueScale: Float?) throws {
    self.shape = shape
    self.positions = positions
    self.cueScale = cueScale
    embed = try Linear(shape.encoderWidth, shape.width)
    classToken = shape.readsClassToken ? try Parameter([1, 1, shape.width], .normal(std: 0.02)) : nil
    maskToken = try Parameter([1, 1, shape.width], .zeros)
    blocks = try LayerList(
      (0..<shape.depth).map {
        try CrossBlock(
          shape.width, heads: shape.heads, hidden: shape.hidden, place: BlockIndex($0, of: shape.depth, network: 1))
      })
    norm = try LayerNorm(shape.width)
    head = try Linear(shape.width, shape.targetWidth)
  }

  public let readsTargetTokens = false

  public var members: [Member] {
    [.layer("pos_embed", positions), .layer("embed", embed)]
      + (classToken.map { [.parameter("cls_token", $0)] } ?? [])
      + [
        .parameter("mask_token", maskToken), .layer("blocks", blocks), .layer("norm", norm), .layer("head", head),
      ]
  }

  public func callAsFunction(_ tokens: Tensor, visible: [Int32], target: [Int32]) throws -> Tensor {
    let images = tokens.shape.first ?? 0
    let (visiblePositions, targetPositions) = (
      try positions(visible, images: images), try positions(target, images: images)
    )
    let e = try embed(tokens)
    let memory = try add(e, withClassRow(visiblePositions))
    let queries = try queries(e, visiblePositions, targetPositions)
    var q = try placed(queries, targetPositions)
    for block in blocks.elements {
      try Interruption.check()
      q = try recomputed(q, memory) { try block($0[0], memory: $0[1]) }
    }
    let predicted = try head(norm.activation(q))
    return classToken == nil ? predicted : try dropFirstToken(predicted)
  }

  /// [B, T, D] without positions.
  private func queries(_ e: Tensor, _ visiblePositions: Tensor, _ targetPositions: Tensor) throws -> Tensor {
    guard let cueScale else { return try repeated(maskToken.tensor, like: targetPositions) }
    let weights = try cueWeights(targets: targetPositions, visible: visiblePositions, scale: cueScale)
    return try visualCues(e, maskToken: maskToken.tensor, weights: weights, leading: shape.leadingTokens)
  }

  private func placed(_ queries: Tensor, _ targetPositions: Tensor) throws -> Tensor {
    guard let token = classToken?.tensor else { return try add(queries, targetPositions) }
    return try prependToken(positions.placed(token), to: queries, positions: targetPositions)
  }

  /// The positions with the class token's in front of each image's: zeros where it has none.
  private func withClassRow(_ visiblePositions: Tensor) throws -> Tensor {
    guard shape.readsClassToken else { return visiblePositions }
    let row = try positions.ofClassToken() ?? .zeros([1, 1, shape.width])
    return try prependToken(row, to: visiblePositions, positions: .zeros(visiblePositions.shape))
  }
}
