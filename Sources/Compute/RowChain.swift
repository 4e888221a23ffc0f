import CKernels

/// What a `RowChain` does with rows, one step after the other.
public enum RowStep {
  /// (x − mean)/√(variance + ε)·weight + bias of each row, over `width` numbers.
  case norm(weight: UnsafePointer<Float>, bias: UnsafePointer<Float>, epsilon: Float, width: Int)
  /// x · b.
  case product(PackedMatrix, Epilogue)
  /// Attention of every token to those of its image, x its queries, keys and values side by side.
  case selfAttention(SelfAttentionRows)

  /// Numbers in a row of its result.
  var width: Int {
    switch self {
    case .norm(_, _, _, let width): width
    case .product(let right, _): right.n
    case .selfAttention(let attention): attention.width
    }
  }

  /// Floats of scratch memory for so many rows.
  func scratchCount(rows: Int) -> Int {
    switch self {
    case .norm: 2 * wholeVectors(rows)
    case .product(let right, _): right.blocked(rows: rows).scratchCountAlone
    case .selfAttention(let attention): attention.scratchCount
    }
  }

  /// Its result for rows from `first` on, of which x holds the first one at its start.
  func run(
    rows: Int, first: Int, _ x: MatrixView, into y: MatrixOutput, scratch: UnsafeMutablePointer<Float>
  ) {
    switch self {
    case .norm(let weight, let bias, let epsilon, let width):
      lmk_layer_norm(
        rows, width, x.pointer, x.element.code, weight, bias, epsilon, y.pointer, y.element.code, scratch,
        scratch + wholeVectors(rows))
    case .product(let right, let epilogue):
      right.blocked(rows: rows).runAlone(x, right.panels, into: y, epilogue.from(row: first, of: y), scratch: scratch)
    case .selfAttention(let attention):
      attention.run(images: rows / attention.tokens, x, into: y, scratch: scratch)
    }
  }
}

/// Attention of every token to those of its image, on the caller's thread.
public struct SelfAttentionRows {
  private let attention: OnlineAttention
  private let bias: AttentionBias?

  /// nil where attention has no such form (`OnlineAttention`).
  public init?(tokens: Int, heads: Int, headWidth: Int, bias: AttentionBias?, arithmetic: Arithmetic) {
    let shape = AttentionShape(images: 1, heads: heads, queries: tokens, keys: tokens, headWidth: headWidth)
    guard let attention = OnlineAttention(shape, arithmetic) else { return nil }
    (self.attention, self.bias) = (attention, bias)
  }

  var tokens: Int { attention.shape.queries }
  /// Numbers in a row of its result.
  var width: Int { attention.shape.heads * attention.shape.headWidth }
  var scratchCount: Int { attention.scratchCount + wholeVectors(tokens) }

  func run(images: Int, _ x: MatrixView, into y: MatrixOutput, scratch: UnsafeMutablePointer<Float>) {
    // Operands of attention are mutable, as its gradients are: these are only read.
    let start = UnsafeMutableRawPointer(mutating: x.pointer)
    func part(_ index: Int) -> AttentionOperand {
      AttentionOperand(start + index * width * x.element.size, rowStride: x.stride, element: x.element)
    }
    let output = AttentionOperand(y.pointer, rowStride: y.stride, element: y.element)
    for image in 0..<images {
      for head in 0..<attention.shape.heads {
        attention.attend(
          head, image: image, queries: 0..<tokens, q: part(0), k: part(1), v: part(2), bias: bias, output: output,
          logSumExp: scratch, scratch: scratch + wholeVectors(tokens))
      }
    }
  }
}

/// Steps that one thread takes with some rows before it takes others: what lies between steps stays in the core's L2,
/// and no thread waits for another. The bits are those of every step with all rows, one after the other.
public struct RowChain {
  private let steps: [RowStep]
  /// Element type of what lies between steps.
  private let element: Element
  private let blocking: ProductBlocking
  /// Rows that stay together: those of an image where there is attention, else of a tile.
  private let unit: Int
  /// Numbers in the widest row between steps.
  private let widest: Int

  /// - Parameters:
  ///   - last: behind the `steps`; its epilogue's residual has the rows of y.
  ///   - element: type of what lies between steps.
  public init(_ steps: [RowStep], last: PackedMatrix, _ epilogue: Epilogue, hidden element: Element) {
    self.steps = steps + [.product(last, epilogue)]
    self.element = element
    blocking = ProductBlocking(last.arithmetic)
    widest = steps.map(\.width).max() ?? 0
    var (tokens, tile) = (0, 1)
    for step in self.steps {
      switch step {
      case .norm: break
      case .product(let right, _): tile = max(tile, right.arithmetic.tileRows)
      case .selfAttention(let attention): tokens = attention.tokens
      }
    }
    unit = tokens > 0 ? tokens : tile
  }

  /// Whether so many rows are worth it: every thread reads all of the right operands.
  public static func isWorthwhile(rows: Int) -> Bool {
    InstructionSet.hasOwnProducts && rows >= leastRows * threadCount
  }
  private static let leastRows = 168

  /// Whether images are: threads get about as many each, and one's rows, `width` wide, take no more than twice L2. With
  /// so many (ViT-B in bf16, ViT-S in float32) it measured 1.02 to 1.07 times as fast as one step after the other.
  public static func isWorthwhile(images: Int, tokens: Int, width: Int, arithmetic: Arithmetic) -> Bool {
    let rounds = (images + threadCount - 1) / threadCount
    let isEven = 10 * images >= 9 * rounds * threadCount
    let bytes = tokens * width * arithmetic.activation.size
    return isWorthwhile(rows: images * tokens) && isEven && bytes <= 4 * ProductBlocking(arithmetic).nearBytes
  }

  /// Rows of one task: even parts, as many as the threads share evenly.
  private func rowsTogether(_ rows: Int) -> Int {
    let most = max(blocking.nearBytes / max(widest * element.size, 1) / unit, 1)
    let (units, threads) = ((rows + unit - 1) / unit, threadCount)
    let tasks = ((units + most - 1) / most + threads - 1) / threads * threads
    return (units + tasks - 1) / tasks * unit
  }

  /// Computes y from x, whose rows have no gap between them; of whole images where there is attention.
  ///
  /// - Throws: `OutOfMemory`; `ArgumentError` where int8 cannot take these operands.
  public func run(_ rows: Int, _ x: MatrixView, into y: MatrixOutput) throws {
    guard rows > 0 else { return }
    for case .product(let right, _) in steps where right.arithmetic == .int8 {
      try requireQuantizable(x, .packed(right), depth: right.k)
    }
    let together = rowsTogether(rows)
    // A step reads one of two places between steps and writes the other.
    let hiddenCount = wholeVectors((together * widest * element.size + 3) / 4)
    try InstructionSet.held {
      let scratchCount = steps.map { $0.scratchCount(rows: together) }.max() ?? 0
      try parallelWithScratch((rows + together - 1) / together, scratchCount: 2 * hiddenCount + scratchCount) {
        index, scratch in
        let start = index * together
        let count = min(together, rows - start)
        var source = x.from(row: start, column: 0)
        for number in steps.indices {
          let isLast = number == steps.count - 1
          let hidden = MatrixOutput(
            scratch + number % 2 * hiddenCount, stride: steps[number].width, element: element)
          let place = isLast ? y.from(row: start) : hidden
          steps[number].run(rows: count, first: start, source, into: place, scratch: scratch + 2 * hiddenCount)
          source = MatrixView(place.pointer, stride: place.stride, element: place.element)
        }
      }
    }
  }
}

extension PackedMatrix {
  fileprivate func blocked(rows: Int) -> BlockedProduct { BlockedProduct(m: rows, n: n, k: k, arithmetic: arithmetic) }
}
