import Compute

/// Multi-head self-attention, softmax(q·kᵀ/√(C/heads) + bias)·v, each token attending to every token of its image.
///
/// - Parameters:
///   - qkv: [B, N, 3C]: queries, keys and values side by side, the heads of each side by side.
///   - heads: divides C.
///   - bias: for N tokens and these heads; a constant: no gradient flows into it.
/// - Returns: [B, N, C], before the output projection.
/// - Throws: `ShapeError`, `OutOfMemory`.
public func selfAttention(_ qkv: Tensor, heads: Int, bias: ScoreBias? = nil) throws -> Tensor {
  try expect(3, qkv, "selfAttention", "qkv")
  let shape = try AttentionShape(queriesKeysValues: qkv.shape, heads: heads, bias: bias)
  let (images, tokens, width) = (shape.images, shape.queries, shape.heads * shape.headWidth)
  let output = try Buffer(count: images * tokens * width, element: qkv.element)
  let arithmetic = Computation.current.arithmetic
  let logSumExp = try Buffer(count: images * heads * tokens)
  let input = qkv.buffer
  func part(_ buffer: Buffer, _ index: Int) -> AttentionOperand {
    AttentionOperand(buffer.address(index * width), rowStride: 3 * width, element: buffer.element)
  }
  let owner = Profile.part
  try Profile.measure("attention", flops: shape.flops, bytes: Double(input.bytes + output.bytes)) {
    try attention(
      shape, q: part(input, 0), k: part(input, 1), v: part(input, 2), bias: bias?.operand,
      output: AttentionOperand(output, rowStride: width), logSumExp: logSumExp.pointer, arithmetic: arithmetic)
  }

  let dInput = qkv.gradient
  return recorded(shape: [images, tokens, width], buffer: output, inputs: [qkv]) { dy in
    let gradient = try Buffer(count: input.count, element: input.element)
    let bytes = Double(2 * input.bytes + dy.bytes)
    try Profile.measure("attention, gradient", part: owner, flops: shape.gradientFlops, bytes: bytes) {
      try attentionGradient(
        shape, q: part(input, 0), k: part(input, 1), v: part(input, 2), bias: bias?.operand,
        logSumExp: logSumExp.pointer,
        dOutput: AttentionOperand(dy, rowStride: width), dq: part(gradient, 0), dk: part(gradient, 1),
        dv: part(gradient, 2), arithmetic: arithmetic)
    }
    try dInput?.add(gradient)
  }
}

/// Multi-head cross-attention: every query of an image attends to every memory token of the same image.
///
/// - Parameters:
///   - q: [B, Nq, C].
///   - kv: [B, Nk, 2C]: keys and values side by side.
///   - heads: divides C.
/// - Returns: [B, Nq, C], before the output projection.
/// - Throws: `ShapeError`, `OutOfMemory`.
public func crossAttention(_ q: Tensor, _ kv: Tensor, heads: Int) throws -> Tensor {
  try expect(3, q, "crossAttention", "q")
  let (images, queries, width) = (q.shape[0], q.shape[1], q.width)
  let keys = kv.shape.count == 3 ? kv.shape[1] : 0
  try expect([images, keys, 2 * width], kv, "crossAttention", "kv")
  guard heads > 0 else { throw ShapeError("crossAttention", "\(heads) heads, wanted at least one") }
  guard width % heads == 0 else {
    throw ShapeError("crossAttention", "q's last dimension is \(width), wanted a multiple of \(heads)")
  }
  let shape = AttentionShape(images: images, heads: heads, queries: queries, keys: keys, headWidth: width / heads)
  let output = try Buffer(count: images * queries * width, element: q.element)
  let arithmetic = Computation.current.arithmetic
  let logSumExp = try Buffer(count: images * heads * queries)
  let (query, memory) = (q.buffer, kv.buffer)
  func rows(_ buffer: Buffer) -> AttentionOperand { AttentionOperand(buffer, rowStride: width) }
  func part(_ buffer: Buffer, _ index: Int) -> AttentionOperand {
    AttentionOperand(buffer.address(index * width), rowStride: 2 * width, element: buffer.element)
  }
  let owner = Profile.part
  try Profile.measure("attention", flops: shape.flops, bytes: Double(query.bytes + memory.bytes + output.bytes)) {
    try attention(
      shape, q: rows(query), k: part(memory, 0), v: part(memory, 1), output: rows(output), logSumExp: logSumExp.pointer,
      arithmetic: arithmetic)
  }

  let (dQuery, dMemory) = (q.gradient, kv.gradient)
  return recorded(shape: q.shape, buffer: output, inputs: [q, kv]) { dy in
    let dq = try Buffer(count: query.count, element: query.element)
    let dkv = try Buffer(count: memory.count, element: memory.element)
    let bytes = Double(2 * query.bytes + 2 * memory.bytes + dy.bytes)
    try Profile.measure("attention, gradient", part: owner, flops: shape.gradientFlops, bytes: bytes) {
      try attentionGradient(
        shape, q: rows(query), k: part(memory, 0), v: part(memory, 1), logSumExp: logSumExp.pointer, dOutput: rows(dy),
        dq: rows(dq), dk: part(dkv, 0), dv: part(dkv, 1), arithmetic: arithmetic)
    }
    try dQuery?.add(dq)
    try dMemory?.add(dkv)
  }
}

extension AttentionShape {
  /// Of self-attention to queries, keys and values side by side, [B, N, 3C].
  ///
  /// - Throws: `ShapeError` where the heads do not divide C, or a bias is for others.
  init(queriesKeysValues shape: [Int], heads: Int, bias: ScoreBias?) throws {
    let width = shape[2] / 3
    guard heads > 0 else { throw ShapeError("selfAttention", "\(heads) heads, wanted at least one") }
    guard shape[2] == 3 * width, width % heads == 0 else {
      throw ShapeError(
        "selfAttention", "qkv's last dimension is \(shape[2]), wanted three times a multiple of \(heads)")
    }
    self.init(images: shape[0], heads: heads, queries: shape[1], keys: shape[1], headWidth: width / heads)
    try bias?.check(self)
  }
}

extension AttentionOperand {
  fileprivate init(_ buffer: Buffer, rowStride: Int) {
    self.init(buffer.raw, rowStride: rowStride, element: buffer.element)
  }
}
