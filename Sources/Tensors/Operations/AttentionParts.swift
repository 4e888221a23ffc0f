import Compute

/// What attention reads of each token.
public enum AttentionPart: Int, Sendable {
  case queries
  case keys
  case values
}

/// Queries, keys or values, taken out of all three. No gradient flows through it.
///
/// - Parameter qkv: [B, N, 3C]: queries, keys and values side by side.
/// - Returns: [B, N, C] float32, heads side by side.
/// - Throws: `ShapeError`, `OutOfMemory`.
public func attentionPart(_ part: AttentionPart, of qkv: Tensor) throws -> Tensor {
  try expect(3, qkv, "attentionPart", "qkv")
  let (rows, width) = (qkv.rows, qkv.width / 3)
  guard qkv.width == 3 * width else {
    throw ShapeError("attentionPart", "qkv's last dimension is \(qkv.width), wanted a multiple of 3")
  }
  let (input, y) = (qkv.buffer, try Buffer(count: rows * width))
  parallelRows(rows, cost: width) { range in
    for row in range {
      let source = input.address((3 * row + part.rawValue) * width)
      convert(source, input.element, count: width, to: y.address(row * width), .float32)
    }
  }
  return try Tensor(shape: qkv.shape.dropLast() + [width], buffer: y)
}

/// The weights by which self-attention mixes values, softmax(q·kᵀ/√(C/heads) + bias), as `selfAttention` computes them.
/// No gradient flows through it.
///
/// - Parameters:
///   - qkv: [B, N, 3C]: queries, keys and values side by side, the heads of each side by side.
///   - heads: divides C.
///   - queries: numbers in 0 ..< N of the tokens whose weights are wanted; nil: all.
///   - bias: for N tokens and these heads.
///   - weights: written, [B, heads, queries, N].
/// - Throws: `ShapeError`, `OutOfMemory`, `Interrupted`.
public func attentionWeights(
  _ qkv: Tensor, heads: Int, queries: [Int32]? = nil, bias: ScoreBias? = nil,
  into weights: UnsafeMutablePointer<Float>
) throws {
  try expect(3, qkv, "attentionWeights", "qkv")
  let (images, tokens, width) = (qkv.shape[0], qkv.shape[1], qkv.width / 3)
  guard heads > 0, qkv.width == 3 * width, width % heads == 0 else {
    throw ShapeError(
      "attentionWeights", "qkv's last dimension is \(qkv.width), wanted three times a multiple of \(heads) heads")
  }
  try bias?.check(
    AttentionShape(images: images, heads: heads, queries: tokens, keys: tokens, headWidth: width / heads))
  if let wrong = queries?.first(where: { $0 < 0 || Int($0) >= tokens }) {
    throw ShapeError("attentionWeights", "query \(wrong) is outside 0 ..< \(tokens)")
  }
  let input = qkv.buffer
  let chosen = try queries.map { try rows($0, of: qkv) }
  let biasOfChosen = try queries.flatMap { queries in try bias?.rows(of: queries) }
  let shape = AttentionShape(
    images: images, heads: heads, queries: queries?.count ?? tokens, keys: tokens, headWidth: width / heads)
  let q =
    chosen.map { AttentionOperand($0.raw, rowStride: width, element: $0.element) }
    ?? AttentionOperand(input.raw, rowStride: 3 * width, element: input.element)
  try Profile.measure("attention weights", flops: shape.flops / 2, bytes: Double(input.bytes)) {
    try attentionWeights(
      shape, q: q, k: AttentionOperand(input.address(width), rowStride: 3 * width, element: input.element),
      bias: biasOfChosen.map { AttentionBias($0.pointer) } ?? bias?.operand, into: weights,
      arithmetic: Computation.current.arithmetic)
  }
}

/// The queries of some tokens, [B, K, C], as they are stored.
private func rows(_ queries: [Int32], of qkv: Tensor) throws -> Buffer {
  let (images, tokens, width) = (qkv.shape[0], qkv.shape[1], qkv.width / 3)
  let (input, y) = (qkv.buffer, try Buffer(count: images * queries.count * width, element: qkv.element))
  for image in 0..<images {
    for (place, token) in queries.enumerated() {
      y.address((image * queries.count + place) * width).copyMemory(
        from: input.address((image * tokens + Int(token)) * 3 * width), byteCount: width * input.element.size)
    }
  }
  return y
}
