import CKernels

/// The right operand of a product, b [k, n], packed into panels of a tile's columns in the order the kernels read them.
/// A view: it does not own its memory.
struct PackedPanels {
  let n: Int
  let arithmetic: Arithmetic
  /// Columns of a panel, and how many panels there are.
  let columns: Int
  let count: Int
  /// Stride of the panels, in words.
  let panelWords: Int
  private let words: UnsafeMutablePointer<UInt32>
  /// Of int8 alone: scale, and sum of the bytes, of each column, behind the panels.
  let scales: UnsafeMutablePointer<Float>
  let sums: UnsafeMutablePointer<Int32>

  static func columns(_ arithmetic: Arithmetic) -> Int { lmk_tile_columns(arithmetic.code) }
  static func count(_ arithmetic: Arithmetic, n: Int) -> Int {
    let columns = columns(arithmetic)
    return (n + columns - 1) / columns
  }
  static func words(_ arithmetic: Arithmetic, k: Int) -> Int {
    lmk_b_words(arithmetic.code, k) * columns(arithmetic)
  }

  /// Words of all panels, and what belongs to them.
  static func allWords(_ arithmetic: Arithmetic, k: Int, n: Int) -> Int {
    count(arithmetic, n: n) * (words(arithmetic, k: k) + (arithmetic == .int8 ? 2 * columns(arithmetic) : 0))
  }

  /// - Parameter place: room for `allWords`.
  init(_ place: UnsafeMutablePointer<Float>, k: Int, n: Int, arithmetic: Arithmetic) {
    self.n = n
    self.arithmetic = arithmetic
    columns = Self.columns(arithmetic)
    count = Self.count(arithmetic, n: n)
    panelWords = Self.words(arithmetic, k: k)
    words = UnsafeMutableRawPointer(place).assumingMemoryBound(to: UInt32.self)
    scales = place + count * panelWords
    sums = UnsafeMutableRawPointer(scales + count * columns).assumingMemoryBound(to: Int32.self)
  }

  func panel(_ index: Int) -> UnsafeMutablePointer<UInt32> { words + index * panelWords }

  /// Packs elements first ..< first + depth of b's depth into the panels `range`, `offset` words from each one's start;
  /// as int8 all of the depth, of a b [k, n] that is stored as float32.
  func pack(_ b: MatrixView, panels range: Range<Int>, first: Int, depth: Int, at offset: Int = 0) {
    var matrix = b.matrix
    let column = range.lowerBound * columns
    let end = min(range.upperBound * columns, n)
    if arithmetic == .int8 {
      return lmk_pack_quantized_columns(
        arithmetic.code, &matrix, column, end - column, depth, panel(range.lowerBound), panelWords, scales + column,
        sums + column)
    }
    lmk_pack_b(
      arithmetic.code, &matrix, column, end - column, first, depth, panel(range.lowerBound) + offset, panelWords)
  }

  /// The same for all panels, with all threads: split along the rows of b in memory, so that each reads sequentially;
  /// as int8 along the panels, because a column's scale is found in all of its depth.
  func pack(_ b: MatrixView, first: Int, depth: Int) {
    if b.isTransposed || arithmetic == .int8 {
      parallelRows(count, cost: depth * columns) { pack(b, panels: $0, first: first, depth: depth) }
    } else {
      let pieces = (depth + Self.rowsTogether - 1) / Self.rowsTogether
      parallelRows(pieces, cost: Self.rowsTogether * n) { range in
        let start = range.lowerBound * Self.rowsTogether
        let end = min(range.upperBound * Self.rowsTogether, depth)
        pack(
          b, panels: 0..<count, first: first + start, depth: end - start, at: Self.words(arithmetic, k: start))
      }
    }
  }

  /// Rows per task; even, because bfloat16 are packed in pairs.
  private static let rowsTogether = 32
}

/// A right operand packed once for several products, such as a weight.
public final class PackedMatrix: @unchecked Sendable {
  public let k: Int
  public let n: Int
  public let arithmetic: Arithmetic
  /// Whether it is laid out, and of the type, that the kernels of the instruction set in use read.
  public var isReadable: Bool { code == arithmetic.code }
  private let code: Int32
  let panels: PackedPanels
  private let buffer: Buffer

  /// Allocates memory for a packed matrix, contents undefined.
  ///
  /// - Throws: `OutOfMemory`.
  init(k: Int, n: Int, arithmetic: Arithmetic) throws {
    self.k = k
    self.n = n
    self.arithmetic = arithmetic
    code = arithmetic.code
    buffer = try Buffer(count: PackedPanels.allWords(arithmetic, k: k, n: n))
    panels = PackedPanels(buffer.pointer, k: k, n: n, arithmetic: arithmetic)
  }

  /// Packs b [k, n] with all threads.
  ///
  /// - Throws: `OutOfMemory`.
  public convenience init(_ b: MatrixView, k: Int, n: Int, arithmetic: Arithmetic) throws {
    try self.init(k: k, n: n, arithmetic: arithmetic)
    panels.pack(b, first: 0, depth: k)
  }
}

/// The right operand of a product, packed or not.
public enum RightOperand {
  case view(MatrixView)
  case packed(PackedMatrix)
}
