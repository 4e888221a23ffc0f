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
  /// Whether a class token stands in front of the patches.
  public var hasClassToken = true
  /// Whether masked patches can be replaced by a token.
  public var hasMaskToken = false
  /// R, tokens between the class token and the patches that hold nothing of the image.
  public var registers = 0
  /// ε of layer normalisation.
  public var epsilon: Float = 1e-6
  /// Between the two layers of an MLP.
  public var activation = Activation.gelu
  /// Whether a norm stands behind the attention of each block, in front of its last layer.
  public var hasAttentionNorm = false
  /// Whether a norm stands between the two layers of an MLP, behind the activation.
  public var hasMLPNorm = false
  /// Whether a norm stands in front of the first block.
  public var hasPreNorm = false
  public var finalNorm = FinalNorm.tokens
  /// Rank of what is added to the weights of blocks; 0: nothing is.
  public var loraRank = 0

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

/// What the norm behind the last block is applied to.
public enum FinalNorm: String, Sendable, CaseIterable {
  case tokens
  /// The mean of an image's patches; tokens stay as the last block gives them.
  case pooled
  case none
}

extension EncoderShape {
  /// Hidden width of the blocks' MLPs.
  var hidden: Int { Int((Double(width) * mlpRatio).rounded()) }

  var block: BlockShape {
    BlockShape(
      width: width, heads: heads, hidden: hidden, activation: activation, epsilon: epsilon,
      hasAttentionNorm: hasAttentionNorm, hasMLPNorm: hasMLPNorm, loraRank: loraRank)
  }
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

/// A vision transformer over any set of patches: linear embedding + position, class token (and registers) in front,
/// pre-norm blocks, final norm, and the projector behind it.
public final class VisionTransformer: Layer {
  public let shape: EncoderShape
  let classToken: Parameter?
  let registerTokens: Parameter?
  let maskToken: Parameter?
  let embed: PatchEmbedding
  public let positions: PositionEmbedding?
  let preNorm: LayerNorm?
  let blocks: LayerList<Block>
  let norm: LayerNorm?
  public let projector: Projector?

  /// - Parameter positions: those of the patches; needed where they are trained.
  /// - Throws: `OutOfMemory`.
  public init(_ shape: EncoderShape, positions: PositionEmbedding? = nil) throws {
    self.shape = shape
    self.positions = positions
    func tokens(_ count: Int) throws -> Parameter? {
      count == 0 ? nil : try Parameter([1, count, shape.width], .normal(std: 0.02))
    }
    classToken = try tokens(shape.hasClassToken ? 1 : 0)
    registerTokens = try tokens(shape.registers)
    maskToken = try tokens(shape.hasMaskToken ? 1 : 0)
    embed = try PatchEmbedding(shape.patchCount, shape.width)
    preNorm = shape.hasPreNorm ? try LayerNorm(shape.width, epsilon: shape.epsilon) : nil
    blocks = try LayerList(
      (0..<shape.depth).map { try Block(shape.block, place: BlockIndex($0, of: shape.depth)) })
    norm = shape.finalNorm == .none ? nil : try LayerNorm(shape.width, epsilon: shape.epsilon)
    projector = try shape.projector.map { try Projector(shape.width, hidden: $0.width, depth: $0.depth) }
  }

  /// A network of this one's sizes with weights of its own, not yet filled, and without projector and adapters.
  ///
  /// - Throws: `OutOfMemory`.
  public func emptyCopyWithoutProjector() throws -> VisionTransformer {
    var shape = shape
    (shape.projector, shape.loraRank) = (nil, 0)
    let positions = try positions.map { try PositionEmbedding($0.fixed, isLearned: $0.learned != nil) }
    return try VisionTransformer(shape, positions: positions)
  }

  public var members: [Member] {
    let tokens = [("cls_token", classToken), ("register_tokens", registerTokens), ("mask_token", maskToken)]
    return tokens.compactMap { name, token in token.map { .parameter(name, $0) } }
      + (positions.map { [.layer("pos_embed", $0)] } ?? [])
      + [.layer("embed", embed)] + (preNorm.map { [.layer("norm_pre", $0)] } ?? []) + [.layer("blocks", blocks)]
      + (norm.map { [.layer("norm", $0)] } ?? [])
      + (projector.map { [.layer("head", $0)] } ?? [])
  }

  /// Tokens in front of the patches: the class token, where there is one, and the registers.
  public var leadingTokens: Int { (shape.hasClassToken ? 1 : 0) + shape.registers }

  /// The tokens behind block number `layer` (all blocks where nil), before the final norm.
  ///
  /// - Parameters:
  ///   - patches: [B, N, P·P·channels].
  ///   - positions: [B, N, C].
  ///   - masked: numbers in 0 ..< N of patches that the mask token stands for, the same count for each image.
  ///   - layer: 0 (the embedded patches) … depth.
  ///   - bias: gives what is added to the scores of a block's attention, by the block's number.
  ///   - rotary: turns queries and keys of the patches.
  /// - Returns: [B, N + 1, C], class token first; the class token is missing and R registers follow it where the shape
  ///   says so.
  /// - Throws: `ShapeError`, `OutOfMemory`, `Interrupted`, what `bias` throws.
  public func tokens(
    _ patches: Tensor, positions: Tensor, masked: [Int32] = [], layer: Int? = nil,
    bias: ((Int) throws -> ScoreBias?)? = nil, rotary: RotaryTable? = nil
  ) throws -> Tensor {
    var last: Tensor?
    try eachLayer(patches, positions: positions, masked: masked, through: layer, bias: bias, rotary: rotary) {
      last = $1
    }
    guard let last else { throw ShapeError("tokens", "no layer was computed") }
    return last
  }

  /// Calls `visit(layer, tokens)` with the embedded patches (layer 0) and behind each block up to `through`.
  ///
  /// - Throws: as `tokens`, and what `visit` throws.
  public func eachLayer(
    _ patches: Tensor, positions: Tensor, masked: [Int32] = [], through: Int? = nil,
    bias: ((Int) throws -> ScoreBias?)? = nil, rotary: RotaryTable? = nil, visit: (Int, Tensor) throws -> Void
  ) throws {
    let last = through ?? shape.depth
    guard (0...shape.depth).contains(last) else {
      throw ShapeError("tokens", "layer is \(last), wanted 0 … \(shape.depth)")
    }
    var x = try placed(embedded(patches, masked: masked), positions: positions)
    if let preNorm { x = try preNorm(x) }
    try visit(0, x)
    for (index, block) in blocks.elements.prefix(last).enumerated() {
      try Interruption.check()
      let bias = try bias?(index)
      x = try recomputed(x) { try block($0[0], bias: bias, rotary: rotary) }
      try visit(index + 1, x)
    }
  }

  /// What the attention of block number `block`, 1 … depth, reads of the tokens [B, N, C] behind the block before it.
  ///
  /// - Returns: [B, N, 3C]: queries, keys and values side by side, the heads of each side by side.
  /// - Throws: `ShapeError`, `OutOfMemory`.
  public func queriesKeysValues(_ tokens: Tensor, block: Int, rotary: RotaryTable? = nil) throws -> Tensor {
    guard (1...max(shape.depth, 1)).contains(block), block <= shape.depth else {
      throw ShapeError("attention", "layer is \(block), wanted 1 … \(shape.depth)")
    }
    return try blocks.elements[block - 1].queriesKeysValues(tokens, rotary: rotary)
  }

  private func embedded(_ patches: Tensor, masked: [Int32]) throws -> Tensor {
    let x = try embed(patches)
    guard !masked.isEmpty else { return x }
    guard let maskToken else { throw ShapeError("tokens", "patches are masked, and the encoder has no mask token") }
    return try replaceTokens(x, with: maskToken.tensor, at: masked)
  }

  /// Positions added, and the leading tokens in front.
  private func placed(_ x: Tensor, positions: Tensor) throws -> Tensor {
    if let registers = registerTokens?.tensor {
      let token = try classToken.map { try self.positions?.placed($0.tensor) ?? $0.tensor }
      return try prependTokens(token, registers, to: add(x, positions))
    }
    guard let token = classToken?.tensor else { return try add(x, positions) }
    return try prependToken(self.positions?.placed(token) ?? token, to: x, positions: positions)
  }

  /// Adds positions to the leading tokens themselves, in their order: those that `values` has rows for.
  ///
  /// - Parameter values: whole rows of C numbers.
  public func addPositions(ofLeadingTokens values: some Collection<Float>) {
    var rest = values[...]
    for token in [classToken, registerTokens].compactMap({ $0?.tensor }) {
      for (index, value) in rest.prefix(token.count).enumerated() { token.pointer[index] += value }
      rest = rest.dropFirst(token.count)
    }
  }

  /// The final norm of tokens; the tokens themselves where it is none of theirs.
  public func normed(_ tokens: Tensor) throws -> Tensor {
    guard shape.finalNorm == .tokens, let norm else { return tokens }
    return try norm(tokens)
  }

  /// The final norm of pooled patches, [B, C]; themselves where it is none of theirs.
  public func normed(pooled: Tensor) throws -> Tensor {
    guard shape.finalNorm == .pooled, let norm else { return pooled }
    return try norm(pooled)
  }

  /// The encoder's output: all blocks, or the first `layer`, and the final norm. Parameters and shapes as for `tokens`.
  public func callAsFunction(
    _ patches: Tensor, positions: Tensor, masked: [Int32] = [], layer: Int? = nil
  ) throws -> Tensor {
    try normed(tokens(patches, positions: positions, masked: masked, layer: layer))
  }

  /// Tokens without those in front of the patches'.
  ///
  /// - Parameter tokens: [B, leading + N, C].
  /// - Returns: [B, N, C].
  public func patchTokens(_ tokens: Tensor) throws -> Tensor {
    if leadingTokens <= 1 { return leadingTokens == 0 ? tokens : try dropFirstToken(tokens) }
    return try withoutTokens(leadingTokens, behind: 0, of: tokens)
  }

  /// Tokens without those of registers.
  ///
  /// - Parameter tokens: [B, leading + N, C].
  public func withoutRegisters(_ tokens: Tensor) throws -> Tensor {
    guard shape.registers > 0 else { return tokens }
    return try withoutTokens(shape.registers, behind: leadingTokens - shape.registers, of: tokens)
  }

  private func withoutTokens(_ count: Int, behind first: Int, of tokens: Tensor) throws -> Tensor {
    guard tokens.shape.count == 3, tokens.shape[1] >= first + count else {
      throw ShapeError("tokens", "have shape \(tokens.shape), wanted at least \(first + count) of each image")
    }
    let kept = (0..<first).map { Int32($0) } + (first + count..<tokens.shape[1]).map { Int32($0) }
    return try selectTokens(tokens, indices: (0..<tokens.shape[0]).flatMap { _ in kept })
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
