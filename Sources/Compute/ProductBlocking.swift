import CKernels

/// How large the pieces of a product are, so that they stay in a core's caches: it depends on how they are computed.
///
/// Vectors keep a panel of b in L1 while rows of a stream in from L2; AMX keeps rows of a there while panels of b pass
/// by, because it wants c written row after row (see product_block.c).
struct ProductBlocking: Sendable {
  let code: Int32
  /// Words of depth treated at once, where the depth is not to be cut into as few parts as possible.
  let words: Int
  /// Tiles of rows packed together: they stay in L2.
  let tilesTogether: Int

  init(_ arithmetic: Arithmetic) {
    code = arithmetic.code
    switch code {
    // The L2 of processors with AMX has 2 MiB: of deeper parts sums are fetched and stored less often.
    case Int32(LMK_PRODUCT_AMX): (words, tilesTogether) = (Int(LMK_DEPTH_WORDS), 4)
    // A panel is expanded for all of these rows.
    case Int32(LMK_PRODUCT_ROUNDED): (words, tilesTogether) = (256, 24)
    default: (words, tilesTogether) = (256, 12)
    }
  }

  var isAMX: Bool { code == Int32(LMK_PRODUCT_AMX) }

  /// Elements of depth in a word of a packed row.
  var elementsPerWord: Int { isAMX || code == Int32(LMK_PRODUCT_PAIRS) ? 2 : 1 }

  /// Elements of depth that rows must have whole numbers of, to be read where they lie.
  var elementsTogether: Int { isAMX ? 2 * Int(LMK_AMX_SIDE) : elementsPerWord }

  /// Whether rows that many bytes apart can be read where they lie: by vectors not where all meet in the same sets of
  /// L1.
  func readsInPlace(stride: Int) -> Bool { isAMX || stride % Self.conflictingBytes != 0 }
  private static let conflictingBytes = 2048

  /// The most panels, of so many words each, in one block. For vectors that is what one packing of rows serves, fewer
  /// where sums are kept between parts of the depth; for AMX, what stays in L2.
  func mostPanels(panelWords: Int, keepsSums: Bool) -> Int {
    if isAMX { return max(Self.nearWords / max(panelWords, 1), 1) }
    return keepsSums ? 16 : 64
  }
  private static let nearWords = 5 << 16
}
