import Compute

/// y = selfAttention(norm(x)·W₁ᵀ + b₁)·W₂ᵀ + b₂ + residual: the attention of a block, with its layers.
///
/// - Parameters:
///   - x: [B, N, C].
///   - norm: in front of the first layer.
///   - qkv: [3C, C]: queries, keys and values, the heads of each side by side.
///   - proj: [C, C].
///   - heads: divides C.
///   - bias: of the scores; a constant: no gradient flows into it.
///   - residual: the shape of the result.
/// - Returns: [B, N, C], float32.
/// - Throws: `ShapeError`, `OutOfMemory`.
public func attentionBranch(
  _ x: Tensor, norm: NormParameters, qkv: LinearParameters, proj: LinearParameters, heads: Int,
  bias: ScoreBias? = nil, residual: Tensor
) throws -> Tensor {
  try expect(3, x, "attentionBranch", "x")
  let first = try LinearMap(qkv, inWidth: x.width, operation: "attentionBranch")
  let shape = try AttentionShape(queriesKeysValues: [x.shape[0], x.shape[1], first.outWidth], heads: heads, bias: bias)
  let second = try LinearMap(proj, inWidth: shape.heads * shape.headWidth, operation: "attentionBranch")
  let result = [x.shape[0], x.shape[1], second.outWidth]
  try expect(result, residual, "attentionBranch", "residual")
  let inputs = [x, residual] + norm.tensors + qkv.tensors + proj.tensors
  let computation = Computation.current
  let element = computation.activation
  let isWorthwhile = RowChain.isWorthwhile(
    images: shape.images, tokens: shape.queries, width: first.outWidth, arithmetic: computation.arithmetic)
  guard !isRecorded(inputs), isWorthwhile,
    let attention = SelfAttentionRows(
      tokens: shape.queries, heads: heads, headWidth: shape.headWidth, bias: bias?.operand,
      arithmetic: computation.arithmetic)
  else {
    let found = try linear(norm(x, element: element), weight: qkv.weight, bias: qkv.bias, element: element)
    let attended = try selfAttention(found, heads: heads, bias: bias)
    return try linear(attended, weight: proj.weight, bias: proj.bias, residual: residual)
  }
  let steps = try [
    norm.step(x), .product(first.packed(), Epilogue(bias: qkv.bias?.pointer)), .selfAttention(attention),
  ]
  let chain = try RowChain(
    steps, last: second.packed(), Epilogue(bias: proj.bias?.pointer, residual: residual.pointer), hidden: element)
  return try chain.result(
    x, shape: result, profiledAs: "attention with its layers",
    flops: first.flops(rows: x.rows) + shape.flops + second.flops(rows: x.rows),
    weightBytes: 4 * (qkv.weight.count + proj.weight.count))
}
