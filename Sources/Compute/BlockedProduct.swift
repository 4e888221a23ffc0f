import CKernels

/// This library's own product for processors with AVX2 or AVX-512: c [m, n] = a [m, k] · b [k, n], b packed. Every
/// element of c is summed in the order of the depth (the dimension k) however the work is cut, so results have the same
/// bits for any number of threads.
struct BlockedProduct: Sendable {
  let m: Int
  let n: Int
  let k: Int
  let arithmetic: Arithmetic
  let blocking: ProductBlocking
  /// Upper limit of the words of depth in one block.
  let wordsTogether: Int

  init(m: Int, n: Int, k: Int, arithmetic: Arithmetic, wordsTogether: Int? = nil) {
    (self.m, self.n, self.k, self.arithmetic) = (m, n, k, arithmetic)
    blocking = ProductBlocking(arithmetic)
    self.wordsTogether = wordsTogether ?? blocking.words
  }

  private var tileRows: Int { arithmetic.tileRows }
  var tiles: Int { (m + tileRows - 1) / tileRows }
  var panels: Int { PackedPanels.count(arithmetic, n: n) }
  private var panelColumns: Int { PackedPanels.columns(arithmetic) }

  /// Elements of depth in one block: the depth is cut into even parts.
  var partDepth: Int {
    let (most, step) = (wordsTogether * blocking.elementsPerWord, max(blocking.elementsTogether, 32))
    let parts = max((k + most - 1) / most, 1)
    return max(min(((k + parts - 1) / parts + step - 1) / step * step, most), step)
  }
  var parts: Int { max((k + partDepth - 1) / partDepth, 1) }

  /// Floats of scratch memory that a block needs: packed rows of a, an expanded panel of b, sums.
  func scratchCount(columns: Int) -> Int {
    let rows = min(tiles, blocking.tilesTogether) * tileRows * Int(LMK_ROW_WORDS)
    let columnPanels = PackedPanels.count(arithmetic, n: columns)
    let sums = parts > 1 ? columnPanels * min(tiles, blocking.tilesTogether) * tileFloats : 0
    return rows + Self.expandedFloats + sums + 2 * rowsTogether
  }
  /// Rows of one block, in whole tiles and vectors.
  private var rowsTogether: Int { wholeVectors(min(tiles, blocking.tilesTogether) * tileRows) }
  private var tileFloats: Int { tileRows * panelColumns }
  private static let expandedFloats = Int(LMK_DEPTH_WORDS * LMK_TILE_COLUMNS)

  /// c cut into even blocks: along its rows in tiles, along its columns in panels.
  struct Cut {
    var rowBlocks: Int
    var columnBlocks: Int
    var count: Int { rowBlocks * columnBlocks }
  }

  /// The cut that minimises the work of the busiest thread.
  func cut(threads: Int) -> Cut {
    let mostPanels = blocking.mostPanels(
      panelWords: PackedPanels.words(arithmetic, k: min(partDepth, k)), keepsSums: parts > 1)
    let leastRows = max((tiles + blocking.tilesTogether - 1) / blocking.tilesTogether, 1)
    let leastColumns = max((panels + mostPanels - 1) / mostPanels, 1)
    var best = Cut(rowBlocks: leastRows, columnBlocks: leastColumns)
    guard threads > 1 else { return best }
    var least = Double.infinity
    for rowBlocks in leastRows...min(max(tiles, 1), leastRows + 2 * threads) {
      for columnBlocks in leastColumns...min(max(panels, 1), leastColumns + 2 * threads) {
        let candidate = Cut(rowBlocks: rowBlocks, columnBlocks: columnBlocks)
        let cost = busiest(candidate, threads: threads)
        if cost < least { (best, least) = (candidate, cost) }
      }
    }
    return best
  }

  /// Work of the busiest thread, in tiles computed: packing the rows of a tile costs about 0.3, loading a panel 0.2.
  private func busiest(_ cut: Cut, threads: Int) -> Double {
    let rows = mostRows(cut.rowBlocks)
    let columns = Double((panels + cut.columnBlocks - 1) / cut.columnBlocks)
    return Double((cut.count + threads - 1) / threads) * (rows * columns + 0.3 * rows + 0.2 * columns)
  }

  /// Rows of the largest of so many blocks, in tiles. Only the last tile can have fewer rows than others, and the last
  /// block is as large as any in tiles.
  private func mostRows(_ rowBlocks: Int) -> Double {
    let missing = Double(tiles) - Double(m) / Double(tileRows)
    let last = Double((tiles + rowBlocks - 1) / rowBlocks) - missing
    return rowBlocks > 1 ? max(last, Double((tiles + rowBlocks - 2) / rowBlocks)) : last
  }

  /// Address of a's element (row, depth) if a can be read without packing: it is row-major, has the element type that
  /// is multiplied, and its rows consist of whole words. Else nil.
  private func wordsInPlace(_ a: MatrixView, row: Int, depth: Int, length: Int) -> UnsafePointer<UInt32>? {
    guard arithmetic != .int8 else { return nil }
    let stride = a.stride * a.element.size
    let isWord = arithmetic == .float32 && a.element == .float32
    let isPair = blocking.elementsPerWord == 2 && a.element == .bfloat16
    guard !a.isTransposed, isWord || isPair, length % blocking.elementsTogether == 0, stride % 4 == 0,
      blocking.readsInPlace(stride: stride)
    else { return nil }
    let start = a.pointer + row * stride + depth * a.element.size
    return start.assumingMemoryBound(to: UInt32.self)
  }

  /// Computes one block of the cut, over elements first ..< first + depth of the depth.
  ///
  /// - Parameters:
  ///   - b: packed from depth `first` on.
  ///   - scratch: `scratchCount` floats.
  func compute(
    _ index: Int, of cut: Cut, _ a: MatrixView, _ b: PackedPanels, first: Int = 0, depth: Int,
    into c: MatrixOutput, _ epilogue: Epilogue, scratch: UnsafeMutablePointer<Float>
  ) {
    let (rowBlock, columnBlock) =
      blocking.isAMX
      ? (index % cut.rowBlocks, index / cut.rowBlocks) : (index / cut.columnBlocks, index % cut.columnBlocks)
    let row = rowBlock * tiles / cut.rowBlocks * tileRows
    let rows = min((rowBlock + 1) * tiles / cut.rowBlocks * tileRows, m) - row
    let panel = columnBlock * panels / cut.columnBlocks
    let column = panel * panelColumns
    let columns = min((columnBlock + 1) * panels / cut.columnBlocks * panelColumns, n) - column
    guard rows > 0, columns > 0 else { return }

    let scales = scratch
    let zeros = UnsafeMutableRawPointer(scratch + rowsTogether).assumingMemoryBound(to: Int32.self)
    let packed = UnsafeMutableRawPointer(scratch + 2 * rowsTogether).assumingMemoryBound(to: UInt32.self)
    let expanded = scratch + 2 * rowsTogether + min(tiles, blocking.tilesTogether) * tileRows * Int(LMK_ROW_WORDS)
    var matrix = a.matrix
    let end = first + depth
    if arithmetic == .int8 { lmk_quantize_rows(arithmetic.code, &matrix, row, rows, depth, scales, zeros) }
    for start in stride(from: first, to: max(end, first + 1), by: partDepth) {
      let length = min(partDepth, end - start)
      let inPlace = wordsInPlace(a, row: row, depth: start, length: length)
      let skipped = inPlace == nil ? 0 : rows / tileRows * tileRows
      if arithmetic == .int8 {
        lmk_pack_bytes(arithmetic.code, &matrix, row, rows, start, length, scales, zeros, packed)
      } else {
        lmk_pack_a(arithmetic.code, &matrix, row + skipped, rows - skipped, start, length, packed)
      }
      let isLast = start + length >= end
      var block = lmk_block(
        arithmetic: arithmetic.code, a_is_transposed: a.isTransposed ? 1 : 0, starts: start == first ? 1 : 0,
        ends: isLast ? 1 : 0, rows: rows, columns: columns, depth: length, a: packed,
        in_place: inPlace, in_place_row: a.stride * a.element.size / 4,
        b: b.panel(panel) + PackedPanels.words(arithmetic, k: start - first), panel_stride: b.panelWords,
        sums: expanded + Self.expandedFloats, expanded: expanded,
        quantized: lmk_scales(
          scales: scales, zeros: zeros, column_scales: b.scales + column, column_sums: b.sums + column),
        epilogue: epilogue.kernel(c, row: row, column: column))
      lmk_product_block(&block)
    }
  }
}

extension BlockedProduct {
  /// Computes the product with all threads.
  ///
  /// - Throws: `OutOfMemory`.
  func run(_ a: MatrixView, _ b: RightOperand, into c: MatrixOutput, _ epilogue: Epilogue) throws {
    switch b {
    case .packed(let packed): try run(a, packed.panels, into: c, epilogue)
    case .view(let view):
      if arithmetic != .int8, a.isTransposed, parts > 2, packedWords > Self.wordsKeptWhole, canSumInPlace(c, epilogue) {
        try runByParts(a, view, into: c, epilogue)
      } else {
        let packed = try PackedMatrix(view, k: k, n: n, arithmetic: arithmetic)
        try run(a, packed.panels, into: c, epilogue)
      }
    }
  }

  private func run(_ a: MatrixView, _ b: PackedPanels, into c: MatrixOutput, _ epilogue: Epilogue) throws {
    let cut = cut(threads: threadCount)
    let columns = (panels + cut.columnBlocks - 1) / cut.columnBlocks * panelColumns
    try parallelWithScratch(cut.count, scratchCount: scratchCount(columns: columns)) { index, scratch in
      compute(index, of: cut, a, b, depth: k, into: c, epilogue, scratch: scratch)
    }
  }

  private var packedWords: Int { panels * PackedPanels.words(arithmetic, k: k) }
  /// A packed b of up to this many words stays in cache as a whole.
  private static let wordsKeptWhole = 3 << 19

  private func canSumInPlace(_ c: MatrixOutput, _ epilogue: Epilogue) -> Bool {
    c.element == .float32 && epilogue.kind == .store
  }

  /// For deep products, such as a weight's gradient, whose depth is the number of tokens: packs and multiplies one part
  /// of the depth at a time, so that the packed part of b stays in cache, and accumulates in c.
  private func runByParts(_ a: MatrixView, _ b: MatrixView, into c: MatrixOutput, _ epilogue: Epilogue) throws {
    // The longest parts possible: c is loaded and stored once per part.
    let deep = BlockedProduct(m: m, n: n, k: k, arithmetic: arithmetic, wordsTogether: Int(LMK_DEPTH_WORDS))
    let partDepth = deep.partDepth
    let room = try PackedMatrix(k: partDepth, n: n, arithmetic: arithmetic)
    let slice = room.panels
    let part = BlockedProduct(m: m, n: n, k: partDepth, arithmetic: arithmetic, wordsTogether: deep.wordsTogether)
    let cut = part.cut(threads: threadCount)
    let columns = (panels + cut.columnBlocks - 1) / cut.columnBlocks * panelColumns
    let pool = try ScratchPool(pieces: min(cut.count, threadCount), count: part.scratchCount(columns: columns))
    var epilogue = epilogue
    for first in stride(from: 0, to: k, by: partDepth) {
      let depth = min(partDepth, k - first)
      slice.pack(b, first: first, depth: depth)
      parallel(cut.count) { index in
        let scratch = pool.take()
        part.compute(
          index, of: cut, a, slice, first: first, depth: depth, into: c, epilogue, scratch: scratch)
        pool.giveBack(scratch)
      }
      epilogue = Epilogue(alpha: epilogue.alpha, beta: 1)
    }
  }
}

extension BlockedProduct {
  /// Floats of scratch memory that `runAlone` needs with a packed b.
  var scratchCountAlone: Int {
    scratchCount(columns: (panels + cut(threads: 1).columnBlocks - 1) / cut(threads: 1).columnBlocks * panelColumns)
  }
  /// The same with one that it packs.
  var packingScratchCountAlone: Int { scratchCountAlone + PackedPanels.allWords(arithmetic, k: k, n: n) }

  /// Computes the product on the caller's thread.
  func runAlone(
    _ a: MatrixView, _ b: PackedPanels, into c: MatrixOutput, _ epilogue: Epilogue, scratch: UnsafeMutablePointer<Float>
  ) {
    let cut = cut(threads: 1)
    for index in 0..<cut.count { compute(index, of: cut, a, b, depth: k, into: c, epilogue, scratch: scratch) }
  }

  /// The same with a b that is not packed.
  func runAlone(
    _ a: MatrixView, packing b: MatrixView, into c: MatrixOutput, _ epilogue: Epilogue,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let panels = PackedPanels(scratch, k: k, n: n, arithmetic: arithmetic)
    panels.pack(b, panels: 0..<panels.count, first: 0, depth: k)
    let rest = scratch + PackedPanels.allWords(arithmetic, k: k, n: n)
    runAlone(a, panels, into: c, epilogue, scratch: rest)
  }
}
