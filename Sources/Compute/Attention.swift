import CKernels

/// Where the heads of queries, keys and values lie: row r of head h starts at pointer + r·stride + h·headWidth.
public struct AttentionOperand {
  public let pointer: UnsafeMutablePointer<Float>
  public let rowStride: Int

  public init(_ pointer: UnsafeMutablePointer<Float>, rowStride: Int) {
    self.pointer = pointer
    self.rowStride = rowStride
  }

  func head(_ head: Int, image: Int, rows: Int, width: Int) -> UnsafeMutablePointer<Float> {
    pointer + image * rows * rowStride + head * width
  }
}

/// The sizes of one attention: every query row of an image attends to every key row of the same image, head by head.
public struct AttentionShape: Sendable {
  public let images: Int
  public let heads: Int
  public let queries: Int
  public let keys: Int
  public let headWidth: Int

  public init(images: Int, heads: Int, queries: Int, keys: Int, headWidth: Int) {
    self.images = images
    self.heads = heads
    self.queries = queries
    self.keys = keys
    self.headWidth = headWidth
  }

  /// Logits are divided by √headWidth.
  var scale: Float { 1 / Float(headWidth).squareRoot() }
  var units: Int { images * heads }
  /// Chunks done between two looks for an interruption: some tenths of a second's work.
  var chunksBetweenChecks: Int { max(64, 1_000_000_000 / max(queries * keys * headWidth * unitsPerChunk, 1)) }
  /// Heads handed out together: enough work to be worth it, the same for any number of threads.
  var unitsPerChunk: Int { max(1, min(8, 65536 / max(queries * keys, 1))) }
}

/// output = softmax(q·kᵀ/√width)·v for every image and head. Scores are not kept: the gradient computes them again from
/// `logSums` [images, heads, queries].
///
/// - Throws: `OutOfMemory`.
public func attention(
  _ shape: AttentionShape, q: AttentionOperand, k: AttentionOperand, v: AttentionOperand, output: AttentionOperand,
  logSums: UnsafeMutablePointer<Float>
) throws {
  try forEachHead(shape, scratch: shape.queries * shape.keys) { unit, scores in
    let (image, head) = (unit / shape.heads, unit % shape.heads)
    let width = shape.headWidth
    let query = q.head(head, image: image, rows: shape.queries, width: width)
    let key = k.head(head, image: image, rows: shape.keys, width: width)
    let value = v.head(head, image: image, rows: shape.keys, width: width)
    product(
      shape.queries, shape.keys, width, MatrixView(query, stride: q.rowStride),
      MatrixView(key, stride: k.rowStride, transposed: true), into: scores, stride: shape.keys)
    lmk_softmax(shape.queries, shape.keys, shape.scale, scores, logSums + unit * shape.queries)
    product(
      shape.queries, width, shape.keys, MatrixView(scores, stride: shape.keys), MatrixView(value, stride: v.rowStride),
      into: output.head(head, image: image, rows: shape.queries, width: width), stride: output.rowStride)
  }
}

/// The gradients of q, k and v, written (not added) in the places given.
///
/// - Throws: `OutOfMemory`.
public func attentionGradient(
  _ shape: AttentionShape, q: AttentionOperand, k: AttentionOperand, v: AttentionOperand,
  logSums: UnsafePointer<Float>, dOutput: AttentionOperand, dq: AttentionOperand, dk: AttentionOperand,
  dv: AttentionOperand
) throws {
  let (rows, keys, width) = (shape.queries, shape.keys, shape.headWidth)
  try forEachHead(shape, scratch: 2 * rows * keys) { unit, scratch in
    let (image, head) = (unit / shape.heads, unit % shape.heads)
    let (weights, dScores) = (scratch, scratch + rows * keys)
    let query = q.head(head, image: image, rows: rows, width: width)
    let key = k.head(head, image: image, rows: keys, width: width)
    let value = v.head(head, image: image, rows: keys, width: width)
    let dOut = dOutput.head(head, image: image, rows: rows, width: width)
    product(
      rows, keys, width, MatrixView(query, stride: q.rowStride), MatrixView(key, stride: k.rowStride, transposed: true),
      into: weights, stride: keys)
    lmk_softmax_again(rows, keys, shape.scale, weights, logSums + unit * rows)
    product(
      keys, width, rows, MatrixView(weights, stride: keys, transposed: true),
      MatrixView(dOut, stride: dOutput.rowStride), into: dv.head(head, image: image, rows: keys, width: width),
      stride: dv.rowStride)
    product(
      rows, keys, width, MatrixView(dOut, stride: dOutput.rowStride),
      MatrixView(value, stride: v.rowStride, transposed: true), into: dScores, stride: keys)
    lmk_softmax_gradient(rows, keys, shape.scale, weights, dScores)
    product(
      rows, width, keys, MatrixView(dScores, stride: keys), MatrixView(key, stride: k.rowStride),
      into: dq.head(head, image: image, rows: rows, width: width), stride: dq.rowStride)
    product(
      keys, width, rows, MatrixView(dScores, stride: keys, transposed: true), MatrixView(query, stride: q.rowStride),
      into: dk.head(head, image: image, rows: keys, width: width), stride: dk.rowStride)
  }
}

/// Runs `body(unit, scratch)` for every (image, head), in parallel, each chunk with scratch of its own.
private func forEachHead(
  _ shape: AttentionShape, scratch: Int, _ body: (Int, UnsafeMutablePointer<Float>) -> Void
) throws {
  let chunk = shape.unitsPerChunk
  let chunks = (shape.units + chunk - 1) / chunk
  for first in stride(from: 0, to: chunks, by: shape.chunksBetweenChecks) {
    try Interruption.check()
    let part = min(shape.chunksBetweenChecks, chunks - first)
    try parallelWithScratch(part, scratchCount: scratch) { index, piece in
      let start = (first + index) * chunk
      for unit in start..<min(start + chunk, shape.units) { body(unit, piece) }
    }
  }
}
