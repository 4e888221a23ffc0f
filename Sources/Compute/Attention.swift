import CKernels

/// Memory layout of queries, keys or values: row r of head h starts at element r · stride + h · headWidth.
public struct AttentionOperand {
  public let pointer: UnsafeMutableRawPointer
  public let rowStride: Int
  public let element: Element

  public init(_ pointer: UnsafeMutableRawPointer, rowStride: Int, element: Element = .float32) {
    self.pointer = pointer
    self.rowStride = rowStride
    self.element = element
  }

  /// Address of row `first` of one head of one image.
  func head(_ head: Int, image: Int, rows: Int, width: Int, first: Int = 0) -> UnsafeMutableRawPointer {
    pointer + ((image * rows + first) * rowStride + head * width) * element.size
  }
}

/// Sizes of an attention: every query of an image attends to every key of the same image, head by head.
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

  /// Floating-point operations of the two products, and of the gradient's five, which include recomputing the scores.
  public var flops: Double { 4 * Double(units) * Double(queries) * Double(keys) * Double(headWidth) }
  public var gradientFlops: Double { 2.5 * flops }

  /// Logits are divided by √headWidth.
  var scale: Float { 1 / Float(headWidth).squareRoot() }
  var units: Int { images * heads }
  /// Chunks between two checks for an interruption: a few tenths of a second of work.
  var chunksBetweenChecks: Int { max(64, 1_000_000_000 / max(queries * keys * headWidth * unitsPerChunk, 1)) }
  /// Heads per parallel task: enough work to amortise the task's overhead. Independent of the number of threads.
  var unitsPerChunk: Int { max(1, min(8, 65536 / max(queries * keys, 1))) }

  /// Queries per block: their scores fit L2, and their number is a multiple of the vector tile and of an AMX register.
  private static let scoresPerBlock = 1 << 17
  private static let rowsTogether = Int(LMK_TILE_ROWS * LMK_AMX_SIDE / 2)
  var queriesPerBlock: Int {
    let fitting = Self.scoresPerBlock / max(keys, 1) / Self.rowsTogether * Self.rowsTogether
    return min(max(fitting, Self.rowsTogether), max(queries, 1))
  }

  /// The blocks of queries. Create this array outside parallel regions: in a forked child, threads that race to create
  /// the first array of a type deadlock in the Swift runtime (see `ForkSafe`).
  var blocks: [Range<Int>] {
    stride(from: 0, to: queries, by: queriesPerBlock).map { $0..<min($0 + queriesPerBlock, queries) }
  }
}

/// A bias [heads, queries, `stride`] added to the scores of every image before softmax; the first `keys` elements of a
/// row are used. It is premultiplied by √headWidth, so that the epilogue of q·kᵀ can add it before softmax scales.
public struct AttentionBias {
  public let pointer: UnsafePointer<Float>

  public init(_ pointer: UnsafePointer<Float>) { self.pointer = pointer }

  /// Stride of its rows in elements, padded like that of scores.
  public static func stride(keys: Int) -> Int { wholeVectors(keys) }
}

/// output = softmax(q·kᵀ/√headWidth + bias)·v for every image and head. Scores are not kept: the gradient recomputes
/// them with the help of `logSumExp` [images, heads, queries].
///
/// - Parameters:
///   - bias: nil for none.
///   - arithmetic: of the products; softmax is float32.
/// - Throws: `OutOfMemory`, `Interrupted`.
public func attention(
  _ shape: AttentionShape, q: AttentionOperand, k: AttentionOperand, v: AttentionOperand, bias: AttentionBias? = nil,
  output: AttentionOperand, logSumExp: UnsafeMutablePointer<Float>, arithmetic: Arithmetic
) throws {
  if let online = OnlineAttention(shape, arithmetic) {
    return try online.run(q: q, k: k, v: v, bias: bias, output: output, logSumExp: logSumExp)
  }
  let products = AttentionProducts(shape, arithmetic)
  let blocks = shape.blocks
  try forEachHead(shape, scratch: products.scores + products.scratch) { head, image, scratch in
    let (scores, rest) = (scratch, scratch + products.scores)
    let key = MatrixView(k, head: head, image: image, rows: shape.keys, shape, transposed: true)
    let value = MatrixView(v, head: head, image: image, rows: shape.keys, shape)
    for block in blocks {
      let rows = block.count
      let query = MatrixView(q, head: head, image: image, rows: shape.queries, shape, first: block.lowerBound)
      let place = MatrixOutput(output, head: head, image: image, rows: shape.queries, shape, first: block.lowerBound)
      products.scoring(rows)(
        query, key, into: MatrixOutput(scores, stride: products.stride),
        Epilogue(residual: bias?.rows(shape, head: head, first: block.lowerBound)), scratch: rest)
      lmk_softmax(
        rows, shape.keys, products.stride, shape.scale, scores,
        logSumExp + shape.row(head, image: image, block.lowerBound))
      products.mixing(rows)(MatrixView(scores, stride: products.stride), value, into: place, scratch: rest)
    }
  }
}

/// The gradients of q, k and v, which overwrite their destinations. `bias`, a constant, must be the one given to
/// `attention`.
///
/// - Throws: `OutOfMemory`, `Interrupted`.
public func attentionGradient(
  _ shape: AttentionShape, q: AttentionOperand, k: AttentionOperand, v: AttentionOperand, bias: AttentionBias? = nil,
  logSumExp: UnsafePointer<Float>, dOutput: AttentionOperand, dq: AttentionOperand, dk: AttentionOperand,
  dv: AttentionOperand, arithmetic: Arithmetic
) throws {
  let products = AttentionProducts(shape, arithmetic)
  let (keys, width, stride) = (shape.keys, shape.headWidth, products.stride)
  let blocks = shape.blocks
  let isWhole = blocks.count <= 1
  let sums = isWhole ? 0 : wholeVectors(keys * width)
  try forEachHead(shape, scratch: 2 * products.scores + 2 * sums + products.scratch) { head, image, scratch in
    let (weights, dScores) = (scratch, scratch + products.scores)
    let (keySums, valueSums) = (dScores + products.scores, dScores + products.scores + sums)
    let rest = valueSums + sums
    let key = MatrixView(k, head: head, image: image, rows: keys, shape)
    let keyTransposed = MatrixView(k, head: head, image: image, rows: keys, shape, transposed: true)
    let valueTransposed = MatrixView(v, head: head, image: image, rows: keys, shape, transposed: true)
    let dKey = MatrixOutput(dk, head: head, image: image, rows: keys, shape)
    let dValue = MatrixOutput(dv, head: head, image: image, rows: keys, shape)
    for block in blocks {
      let (first, rows) = (block.lowerBound, block.count)
      let query = MatrixView(q, head: head, image: image, rows: shape.queries, shape, first: first)
      let dOut = MatrixView(dOutput, head: head, image: image, rows: shape.queries, shape, first: first)
      let collect = Epilogue(beta: first == 0 ? 0 : 1)
      products.scoring(rows)(
        query, keyTransposed, into: MatrixOutput(weights, stride: stride),
        Epilogue(residual: bias?.rows(shape, head: head, first: first)), scratch: rest)
      lmk_softmax_from_log_sum_exp(
        rows, keys, stride, shape.scale, weights, logSumExp + shape.row(head, image: image, first))
      products.collecting(rows)(
        MatrixView(weights, stride: stride, transposed: true), dOut,
        into: isWhole ? dValue : MatrixOutput(valueSums, stride: width), collect, scratch: rest)
      products.scoring(rows)(dOut, valueTransposed, into: MatrixOutput(dScores, stride: stride), scratch: rest)
      lmk_softmax_gradient(rows, keys, stride, shape.scale, weights, dScores)
      products.mixing(rows)(
        MatrixView(dScores, stride: stride), key,
        into: MatrixOutput(dq, head: head, image: image, rows: shape.queries, shape, first: first), scratch: rest)
      products.collecting(rows)(
        MatrixView(dScores, stride: stride, transposed: true), query,
        into: isWhole ? dKey : MatrixOutput(keySums, stride: width), collect, scratch: rest)
    }
    guard !isWhole else { return }
    store(keySums, rows: keys, width: width, in: dKey)
    store(valueSums, rows: keys, width: width, in: dValue)
  }
}

private func store(_ sums: UnsafePointer<Float>, rows: Int, width: Int, in place: MatrixOutput) {
  for row in 0..<rows {
    convert(
      sums + row * width, .float32, count: width, to: place.pointer + row * place.stride * place.element.size,
      place.element)
  }
}

/// The products of one head, for a block of `rows` queries.
struct AttentionProducts {
  let shape: AttentionShape
  let arithmetic: Arithmetic
  private let isOwn: Bool

  init(_ shape: AttentionShape, _ arithmetic: Arithmetic) {
    self.shape = shape
    self.arithmetic = arithmetic
    isOwn = usesOwnKernels(arithmetic)
  }

  /// [rows, width] · [width, keys]
  func scoring(_ rows: Int) -> LocalProduct { product(rows, shape.keys, shape.headWidth) }
  /// [rows, keys] · [keys, width]
  func mixing(_ rows: Int) -> LocalProduct { product(rows, shape.headWidth, shape.keys) }
  /// [keys, rows] · [rows, width]
  func collecting(_ rows: Int) -> LocalProduct { product(shape.keys, shape.headWidth, rows) }

  private func product(_ m: Int, _ n: Int, _ k: Int) -> LocalProduct {
    LocalProduct(m, n, k, arithmetic: arithmetic, isOwn: isOwn)
  }

  /// Floats that the scores of one block take.
  var scores: Int { shape.queriesPerBlock * stride }
  /// Stride of the rows of scores, padded to whole vectors.
  var stride: Int { wholeVectors(shape.keys) }
  var scratch: Int {
    let rows = shape.queriesPerBlock
    return max(scoring(rows).scratchCount, mixing(rows).scratchCount, collecting(rows).scratchCount)
  }
}

extension AttentionBias {
  /// The biases of the queries from `first` on.
  func rows(_ shape: AttentionShape, head: Int, first: Int) -> UnsafePointer<Float> {
    pointer + (head * shape.queries + first) * Self.stride(keys: shape.keys)
  }
}

extension AttentionShape {
  /// Index of a query in `logSumExp`.
  func row(_ head: Int, image: Int, _ query: Int) -> Int { (image * heads + head) * queries + query }
}

extension MatrixView {
  init(
    _ operand: AttentionOperand, head: Int, image: Int, rows: Int, _ shape: AttentionShape, first: Int = 0,
    transposed: Bool = false
  ) {
    self.init(
      operand.head(head, image: image, rows: rows, width: shape.headWidth, first: first), stride: operand.rowStride,
      transposed: transposed, element: operand.element)
  }
}

extension MatrixOutput {
  init(
    _ operand: AttentionOperand, head: Int, image: Int, rows: Int, _ shape: AttentionShape, first: Int = 0
  ) {
    self.init(
      operand.head(head, image: image, rows: rows, width: shape.headWidth, first: first), stride: operand.rowStride,
      element: operand.element)
  }
}

/// Runs `body(head, image, scratch)` for every image and head, in parallel, each chunk with its own scratch memory.
func forEachHead(
  _ shape: AttentionShape, scratch: Int, _ body: (Int, Int, UnsafeMutablePointer<Float>) -> Void
) throws {
  try forEachHead(shape, parts: 1, scratch: scratch) { head, image, _, piece in body(head, image, piece) }
}

/// Runs `body(head, image, part, scratch)` for every image, head and part 0 ..< `parts` of it.
func forEachHead(
  _ shape: AttentionShape, parts: Int, scratch: Int, _ body: (Int, Int, Int, UnsafeMutablePointer<Float>) -> Void
) throws {
  let (chunk, units) = (shape.unitsPerChunk, shape.units * parts)
  let chunks = (units + chunk - 1) / chunk
  for first in stride(from: 0, to: chunks, by: shape.chunksBetweenChecks) {
    try Interruption.check()
    let count = min(shape.chunksBetweenChecks, chunks - first)
    try parallelWithScratch(count, scratchCount: scratch) { index, piece in
      let start = (first + index) * chunk
      for unit in start..<min(start + chunk, units) {
        let (pair, part) = (unit / parts, unit % parts)
        body(pair % shape.heads, pair / shape.heads, part, piece)
      }
    }
  }
}
