import CKernels

/// Block sizes of a product for a core's L1 and L2; they depend on the micro-kernel.
///
/// The vector kernels keep a panel of b in L1, or nearly so, and stream rows of a from L2. The AMX kernel keeps rows of
/// a in L1 and streams panels of b, so that it writes c along its rows (see product_block.c).
struct ProductBlocking: Sendable {
  let code: Int32
  /// Default of the words of depth in one block.
  let words: Int
  /// Tiles of rows of a in one block: packed, they stay in L2.
  let tilesTogether: Int

  init(_ arithmetic: Arithmetic) {
    code = arithmetic.code
    switch code {
    case _ where lmk_is_on_amx(code) != 0: (words, tilesTogether) = (Int(LMK_DEPTH_WORDS), 4)
    // More rows, to amortise expanding a panel of b, which must stay in L1 as floats.
    case Int32(LMK_PRODUCT_ROUNDED): (words, tilesTogether) = (256, 24)
    // Half as many rows as with AVX-512: L2 is half as large where there is no more than AVX2.
    case _ where lmk_is_on_avx2(code) != 0: (words, tilesTogether) = (Int(LMK_DEPTH_WORDS), 14)
    // Parts as long as possible: a panel of b that exceeds L1 comes from L2 in time, and sums are stored and loaded
    // less often.
    default: (words, tilesTogether) = (Int(LMK_DEPTH_WORDS), 12)
    }
  }

  var isAMX: Bool { lmk_is_on_amx(code) != 0 }
  private var isAVX2: Bool { lmk_is_on_avx2(code) != 0 }

  /// Elements of depth per word of a packed row.
  var elementsPerWord: Int {
    switch code {
    case _ where lmk_is_int8(code) != 0: 4
    case Int32(LMK_PRODUCT_AMX), Int32(LMK_PRODUCT_PAIRS): 2
    default: 1
    }
  }

  /// Parts of the depth are multiples of this, and rows of a can be read in place (without packing) only if theirs is.
  var elementsTogether: Int { isAMX ? elementsPerWord * Int(LMK_AMX_SIDE) : elementsPerWord }

  /// Whether rows of a that many bytes apart can be read in place. The vector kernels need rows that do not all map to
  /// the same sets: of L1 where a tile has fourteen rows, of L2 where it has six.
  func readsInPlace(stride: Int) -> Bool { isAMX || stride % (isAVX2 ? 4096 : 2048) != 0 }

  /// Bytes of what one product writes and the next one reads that stay in a core's L2 beside panels of b: half of it.
  /// It has 2 MB with AMX, 1 MB on most with AVX-512, 512 KB on AMD's with AVX2.
  var nearBytes: Int { isAMX ? 1 << 20 : isAVX2 ? 1 << 18 : 1 << 19 }

  /// The most panels of b, of so many words each, in one block. AMX: what stays in L2. Vectors: enough to amortise
  /// packing the rows of a, fewer if the block's sums must be kept between parts of the depth.
  func mostPanels(panelWords: Int, keepsSums: Bool) -> Int {
    if isAMX { return max(Self.nearWords / max(panelWords, 1), 1) }
    return (keepsSums ? 16 : 64) * (isAVX2 ? 2 : 1)
  }
  private static let nearWords = 5 << 16
}
