import Tensors

/// What stands between the two linear layers of an MLP.
public enum Activation: String, Sendable, CaseIterable {
  /// Exact, x·Φ(x).
  case gelu
  /// x·σ(1.702·x), as CLIP's first models have it.
  case quickGELU = "quick_gelu"
  /// GELU's approximation by tanh.
  case tanhGELU = "gelu_tanh"
  /// The first layer is twice as wide: SiLU of its first half, times the second.
  case swiGLU = "swiglu"

  /// Numbers of the first layer for each of the second.
  var widening: Int { self == .swiGLU ? 2 : 1 }

  func callAsFunction(_ x: Tensor) throws -> Tensor {
    let tanhSlope: Float = 1.5957691
    return switch self {
    case .gelu: try Tensors.gelu(x)
    case .quickGELU: try sigmoidUnit(x, slope: 1.702)
    case .tanhGELU: try sigmoidUnit(x, slope: tanhSlope, cubic: 0.044715 * tanhSlope)
    case .swiGLU: try gated(x)
    }
  }
}

/// Two linear layers with an activation between.
public final class MLP: Layer {
  let fc1: Linear
  /// Of the activations; nil: there is none.
  let norm: LayerNorm?
  let fc2: Linear
  let activation: Activation

  /// - Parameter normEpsilon: ε of the norm behind the activation; nil: there is none.
  init(
    _ width: Int, hidden: Int, activation: Activation = .gelu, normEpsilon: Float? = nil, loraRank: Int = 0
  ) throws {
    fc1 = try Linear(width, activation.widening * hidden, loraRank: loraRank)
    norm = try normEpsilon.map { try LayerNorm(hidden, epsilon: $0) }
    fc2 = try Linear(hidden, width, loraRank: loraRank)
    self.activation = activation
  }

  public var members: [Member] {
    [.layer("fc1", fc1)] + (norm.map { [.layer("norm", $0)] } ?? []) + [.layer("fc2", fc2)]
  }

  /// [..., C] → [..., C], plus x.
  ///
  /// - Parameters:
  ///   - before: the norm in front of it.
  ///   - quantizesFirst: false: `fc1` multiplies no eight-bit operands, even where `fc2` does.
  func callAsFunction(
    _ x: Tensor, before: LayerNorm, dropout: BranchDropout? = nil, quantizesFirst: Bool = true
  ) throws -> Tensor {
    guard dropout != nil || activation != .gelu || norm != nil else {
      return try mlp(
        x, norm: before.parameters, first: fc1.parameters(), second: fc2.parameters(), residual: x,
        quantizesFirst: quantizesFirst)
    }
    let normed = try before.activation(x)
    let first =
      try quantizesFirst ? fc1.activation(normed) : Computation.withoutQuantizing { try fc1.activation(normed) }
    let activated = try activation(first)
    let kept = try dropout?.inside(activated) ?? activated
    let hidden = try norm?.activation(kept) ?? kept
    guard let dropout else { return try fc2(hidden, residual: x) }
    return try dropout.add(fc2(hidden), to: x)
  }
}

/// The sizes and parts of a transformer block.
struct BlockShape {
  var width: Int
  var heads: Int
  var hidden: Int
  var activation = Activation.gelu
  var epsilon: Float = 1e-6
  /// Whether a norm stands behind attention, in front of its last layer.
  var hasAttentionNorm = false
  /// Whether a norm stands between the layers of the MLP.
  var hasMLPNorm = false
  var loraRank = 0
}

/// Pre-norm transformer block: x += Attn(LN x); x += MLP(LN x).
public final class Block: Layer {
  let norm1: LayerNorm
  let attn: SelfAttention
  let norm2: LayerNorm
  let mlp: MLP
  let place: BlockIndex

  init(_ shape: BlockShape, place: BlockIndex) throws {
    norm1 = try LayerNorm(shape.width, epsilon: shape.epsilon)
    attn = try SelfAttention(
      shape.width, heads: shape.heads, normEpsilon: shape.hasAttentionNorm ? shape.epsilon : nil,
      loraRank: shape.loraRank)
    norm2 = try LayerNorm(shape.width, epsilon: shape.epsilon)
    mlp = try MLP(
      shape.width, hidden: shape.hidden, activation: shape.activation,
      normEpsilon: shape.hasMLPNorm ? shape.epsilon : nil, loraRank: shape.loraRank)
    self.place = place
  }

  public var members: [Member] {
    [.layer("norm1", norm1), .layer("attn", attn), .layer("norm2", norm2), .layer("mlp", mlp)]
  }

  /// [B, N, C] → [B, N, C].
  func callAsFunction(_ x: Tensor, bias: ScoreBias? = nil, rotary: RotaryTable? = nil) throws -> Tensor {
    let dropout = Computation.current.dropoutPlan
    let attended = try Computation.quantizing {
      try attn(x, before: norm1, bias: bias, rotary: rotary, dropout: dropout?(place, branch: 0))
    }
    func add() throws -> Tensor {
      try mlp(
        attended, before: norm2, dropout: dropout?(place, branch: 1),
        quantizesFirst: isBlock(from: Self.firstQuantizedFC1))
    }
    return try isBlock(from: Self.firstQuantizedFC2) ? Computation.quantizing(add) : add()
  }

  /// What its attention reads of [B, N, C]: queries, keys and values side by side, [B, N, 3C].
  func queriesKeysValues(_ x: Tensor, rotary: RotaryTable?) throws -> Tensor {
    try Computation.quantizing { try attn.queriesKeysValues(norm1.activation(x), rotary: rotary) }
  }

  /// Whether it is a decoder's block, or an encoder's of number `first`, from 0, or a later one. In the MLPs of an
  /// encoder's first two blocks a few tokens get the large activations that all later blocks read: layers there that do
  /// not stand eight bits have floats as operands (docs/performance.md).
  private func isBlock(from first: Int) -> Bool { place.network != 0 || place.index >= first }
  private static let firstQuantizedFC1 = 2
  private static let firstQuantizedFC2 = 1
}

/// Decoder block: q += SelfAttn(LN q); q += CrossAttn(LN q, LN memory); q += MLP(LN q).
public final class CrossBlock: Layer {
  let norm1: LayerNorm
  let selfAttn: SelfAttention
  let norm2q: LayerNorm
  let norm2kv: LayerNorm
  let crossAttn: CrossAttention
  let norm3: LayerNorm
  let mlp: MLP
  let place: BlockIndex

  init(_ width: Int, heads: Int, hidden: Int, place: BlockIndex) throws {
    norm1 = try LayerNorm(width)
    selfAttn = try SelfAttention(width, heads: heads)
    norm2q = try LayerNorm(width)
    norm2kv = try LayerNorm(width)
    crossAttn = try CrossAttention(width, heads: heads)
    norm3 = try LayerNorm(width)
    mlp = try MLP(width, hidden: hidden)
    self.place = place
  }

  public var members: [Member] {
    [
      .layer("norm1", norm1), .layer("self_attn", selfAttn), .layer("norm2q", norm2q), .layer("norm2kv", norm2kv),
      .layer("cross_attn", crossAttn), .layer("norm3", norm3), .layer("mlp", mlp),
    ]
  }

  /// Queries [B, T, C] and memory [B, N, C] → [B, T, C].
  func callAsFunction(_ q: Tensor, memory: Tensor) throws -> Tensor {
    try Computation.quantizing {
      let dropout = Computation.current.dropoutPlan
      let own = try selfAttn(q, before: norm1, dropout: dropout?(place, branch: 0))
      let informed = try crossAttn(
        norm2q.activation(own), memory: norm2kv.activation(memory), residual: own, dropout: dropout?(place, branch: 1))
      return try mlp(informed, before: norm3, dropout: dropout?(place, branch: 2))
    }
  }
}
