import Compute
import Tensors

/// The sizes of an encoder.
public struct EncoderShape: Sendable, Equatable {
  /// P·P·channels, the numbers of one patch.
  public var patchCount: Int
  public var width: Int
  public var depth: Int
  public var heads: Int
  public var mlpRatio: Double
  /// nil: no projector.
  public var projector: ProjectorShape?

  public init(
    patchCount: Int, width: Int, depth: Int, heads: Int, mlpRatio: Double = 4, projector: ProjectorShape? = nil
  ) {
    self.patchCount = patchCount
    self.width = width
    self.depth = depth
    self.heads = heads
    self.mlpRatio = mlpRatio
    self.projector = projector
  }
}

extension EncoderShape {
  /// Hidden width of the blocks' MLPs.
  var hidden: Int { Int((Double(width) * mlpRatio).rounded()) }
}

/// The sizes of a projector: width of its hidden layers and number of linear layers.
public struct ProjectorShape: Sendable, Equatable {
  public var width: Int
  public var depth: Int

  public init(width: Int, depth: Int) {
    self.width = width
    self.depth = depth
  }
}

/// A vision transformer over any set of patches: linear embedding + position, class token in front, pre-norm blocks, final norm, and
/// the projector behind it.
public final class VisionTransformer: Layer {
  public let shape: EncoderShape
  let classToken: Parameter
  let embed: PatchEmbedding
  let blocks: LayerList<Block>
  let norm: LayerNorm
  public let projector: Projector?

  /// - Throws: `OutOfMemory`.
  public init(_ shape: EncoderShape) throws {
    self.shape = shape
    classToken = try Parameter([1, 1, shape.width], .normal(deviation: 0.02))
    embed = try PatchEmbedding(shape.patchCount, shape.width)
    blocks = try LayerList(
      (0..<shape.depth).map {
        try Block(shape.width, heads: shape.heads, hidden: shape.hidden, place: BlockPlace($0, of: shape.depth))
      })
    norm = try LayerNorm(shape.width)
    projector = try shape.projector.map { try Projector(shape.width, hidden: $0.width, depth: $0.depth) }
  }

  public var members: [Member] {
    [
      .parameter("cls_token", classToken), .layer("embed", embed), .layer("blocks", blocks), .layer("norm", norm),
    ] + (projector.map { [.layer("head", $0)] } ?? [])
  }

  /// The tokens behind block number `layer` (all blocks where nil), before the final norm.
  ///
  /// - Parameters:
  ///   - patches: [B, N, P·P·channels].
  ///   - positions: [B, N, C].
  ///   - layer: 0 (the embedded patches) … depth.
  /// - Returns: [B, N + 1, C], class token first.
  /// - Throws: `ShapeError`, `OutOfMemory`, `Interrupted`.
  public func tokens(_ patches: Tensor, positions: Tensor, layer: Int? = nil) throws -> Tensor {
    let last = layer ?? shape.depth
    guard (0...shape.depth).contains(last) else {
      throw ShapeError("tokens", "layer is \(last), wanted 0 … \(shape.depth)")
    }
    var x = try prependToken(classToken.tensor, to: embed(patches), positions: positions)
    for block in blocks.elements.prefix(last) {
      try Interruption.check()
      x = try recomputed(x) { try block($0[0]) }
    }
    return x
  }

  /// The final norm.
  public func normed(_ tokens: Tensor) throws -> Tensor { try norm(tokens) }

  /// The encoder's output: all blocks and the final norm. Shapes as for `tokens`.
  public func callAsFunction(_ patches: Tensor, positions: Tensor) throws -> Tensor {
    try norm(tokens(patches, positions: positions))
  }

  /// Every token through the projector; the tokens themselves where there is none.
  public func project(_ tokens: Tensor) throws -> Tensor { try projector?(tokens) ?? tokens }
}

/// The linear embedding of flattened patches.
public final class PatchEmbedding: Layer {
  let proj: Linear

  init(_ patchCount: Int, _ width: Int) throws { proj = try Linear(patchCount, width) }

  public var members: [Member] { [.layer("proj", proj)] }

  /// [B, N, P·P·channels] → [B, N, C].
  func callAsFunction(_ patches: Tensor) throws -> Tensor { try proj(patches) }
}
