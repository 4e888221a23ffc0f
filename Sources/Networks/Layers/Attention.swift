import Tensors

/// Multi-head self-attention with a fused query-key-value projection.
public final class SelfAttention: Layer {
  let qkv: Linear
  /// Of what attention gives, in front of `proj`; nil: there is none.
  let norm: LayerNorm?
  let proj: Linear
  let heads: Int

  /// - Parameter normEpsilon: ε of the norm in front of `proj`; nil: there is none.
  init(_ width: Int, heads: Int, normEpsilon: Float? = nil, loraRank: Int = 0) throws {
    qkv = try Linear(width, 3 * width, loraRank: loraRank)
    norm = try normEpsilon.map { try LayerNorm(width, epsilon: $0) }
    proj = try Linear(width, width, loraRank: loraRank)
    self.heads = heads
  }

  public var members: [Member] {
    [.layer("qkv", qkv)] + (norm.map { [.layer("norm", $0)] } ?? []) + [.layer("proj", proj)]
  }

  /// [B, N, C] → [B, N, C], plus x; `before` is the norm in front of it.
  func callAsFunction(
    _ x: Tensor, before: LayerNorm, bias: ScoreBias? = nil, rotary: RotaryTable? = nil, dropout: BranchDropout? = nil
  ) throws -> Tensor {
    guard rotary != nil || norm != nil || dropout != nil else {
      return try attentionBranch(
        x, norm: before.parameters, qkv: qkv.parameters(), proj: proj.parameters(), heads: heads, bias: bias,
        residual: x)
    }
    let attended = try selfAttention(
      queriesKeysValues(before.activation(x), rotary: rotary), heads: heads, bias: bias)
    let mixed = try norm?.activation(attended) ?? attended
    guard let dropout else { return try proj(mixed, residual: x) }
    return try dropout.add(proj(mixed), to: x)
  }

  /// [B, N, C] → [B, N, 3C]: queries, keys and values side by side, rotary positions taken in.
  func queriesKeysValues(_ x: Tensor, rotary: RotaryTable?) throws -> Tensor {
    let found = try qkv.activation(x)
    return try rotary.map { try rotated(found, heads: heads, by: $0) } ?? found
  }
}

/// Multi-head attention of queries to a memory.
public final class CrossAttention: Layer {
  let qProj: Linear
  let kvProj: Linear
  let proj: Linear
  let heads: Int

  init(_ width: Int, heads: Int) throws {
    qProj = try Linear(width, width)
    kvProj = try Linear(width, 2 * width)
    proj = try Linear(width, width)
    self.heads = heads
  }

  public var members: [Member] { [.layer("q_proj", qProj), .layer("kv_proj", kvProj), .layer("proj", proj)] }

  /// [B, T, C] and memory [B, N, C] → [B, T, C], plus `residual`.
  func callAsFunction(_ x: Tensor, memory: Tensor, residual: Tensor, dropout: BranchDropout? = nil) throws -> Tensor {
    let mixed = try crossAttention(qProj.activation(x), kvProj.activation(memory), heads: heads)
    guard let dropout else { return try proj(mixed, residual: residual) }
    return try dropout.add(proj(mixed), to: residual)
  }
}
