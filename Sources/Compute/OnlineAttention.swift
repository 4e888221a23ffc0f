import CKernels

/// Attention without scores in memory, by `lmk_attention`: every row is summed over one chunk of keys after the other,
/// in their order, so results do not depend on how queries are cut into tasks.
struct OnlineAttention {
  let shape: AttentionShape
  let arithmetic: Arithmetic

  /// nil where the kernels in use have no such form: without AVX2, with AMX, without keys, for very wide heads.
  init?(_ shape: AttentionShape, _ arithmetic: Arithmetic) {
    let vectors = [LMK_PRODUCT_FLOAT32, LMK_PRODUCT_AVX2, LMK_PRODUCT_PAIRS].map { Int32($0) }
    let isVector = vectors.contains(arithmetic.code)
    guard usesOwnKernels(arithmetic), isVector, shape.keys > 0,
      lmk_a_words(arithmetic.code, shape.headWidth) <= Int(LMK_DEPTH_WORDS)
    else { return nil }
    self.shape = shape
    self.arithmetic = arithmetic
  }

  /// Words of packed keys, and of packed values, of one head.
  private var keyWords: Int { PackedPanels.allWords(arithmetic, k: shape.headWidth, n: shape.keys) }
  private var valueWords: Int { PackedPanels.allWords(arithmetic, k: shape.keys, n: shape.headWidth) }

  /// Tasks that share the queries of a head, each of which packs the head's keys and values: more than one only where
  /// heads are fewer than threads need, and queries so many that packing is little of the work.
  private var parts: Int {
    let wanted = (Self.tasksPerThread * threadCount + shape.units - 1) / max(shape.units, 1)
    return max(1, min(wanted, shape.queries / Self.leastQueries))
  }
  private static let tasksPerThread = 4
  private static let leastQueries = 256

  /// Floats of scratch memory for `attend`.
  var scratchCount: Int { keyWords + valueWords + lmk_attention_scratch(shape.headWidth) }

  /// - Throws: `OutOfMemory`, `Interrupted`.
  func run(
    q: AttentionOperand, k: AttentionOperand, v: AttentionOperand, bias: AttentionBias?, output: AttentionOperand,
    logSumExp: UnsafeMutablePointer<Float>
  ) throws {
    let parts = parts
    try forEachHead(shape, parts: parts, scratch: scratchCount) { head, image, part, scratch in
      let first = shape.queries * part / parts
      attend(
        head, image: image, queries: first..<shape.queries * (part + 1) / parts, q: q, k: k, v: v, bias: bias,
        output: output, logSumExp: logSumExp + shape.row(head, image: image, first), scratch: scratch)
    }
  }

  /// Attention of some queries of one head of an image, on the caller's thread.
  ///
  /// - Parameters:
  ///   - logSumExp: written, of these queries.
  ///   - scratch: `scratchCount` floats.
  func attend(
    _ head: Int, image: Int, queries: Range<Int>, q: AttentionOperand, k: AttentionOperand, v: AttentionOperand,
    bias: AttentionBias?, output: AttentionOperand, logSumExp: UnsafeMutablePointer<Float>,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let first = queries.lowerBound
    let keys = PackedPanels(scratch, k: shape.headWidth, n: shape.keys, arithmetic: arithmetic)
    let values = PackedPanels(scratch + keyWords, k: shape.keys, n: shape.headWidth, arithmetic: arithmetic)
    keys.pack(
      MatrixView(k, head: head, image: image, rows: shape.keys, shape, transposed: true), panels: 0..<keys.count,
      first: 0, depth: shape.headWidth)
    values.pack(
      MatrixView(v, head: head, image: image, rows: shape.keys, shape), panels: 0..<values.count, first: 0,
      depth: shape.keys)
    let place = MatrixOutput(output, head: head, image: image, rows: shape.queries, shape, first: first)
    var attention = lmk_attention(
      arithmetic: arithmetic.code, queries: queries.count, keys: shape.keys, width: shape.headWidth,
      scale: shape.scale, q: MatrixView(q, head: head, image: image, rows: shape.queries, shape, first: first).matrix,
      k: keys.panel(0), k_panel_stride: keys.panelWords, v: values.panel(0), v_panel_stride: values.panelWords,
      bias: bias?.rows(shape, head: head, first: first), bias_stride: AttentionBias.stride(keys: shape.keys),
      output: place.pointer, output_stride: place.stride, output_type: place.element.code, log_sum_exp: logSumExp,
      scratch: scratch + keyWords + valueWords)
    lmk_attention(&attention)
  }
}
