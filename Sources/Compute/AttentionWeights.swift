import CKernels

/// softmax(q·kᵀ/√headWidth + bias) for every image and head, as `attention` computes it before values are mixed.
///
/// - Parameters:
///   - bias: nil for none.
///   - weights: written, [images, heads, queries, keys], float32.
///   - arithmetic: of the product; softmax is float32.
/// - Throws: `OutOfMemory`, `Interrupted`.
public func attentionWeights(
  _ shape: AttentionShape, q: AttentionOperand, k: AttentionOperand, bias: AttentionBias? = nil,
  into weights: UnsafeMutablePointer<Float>, arithmetic: Arithmetic
) throws {
  let products = AttentionProducts(shape, arithmetic)
  let (blocks, keys) = (shape.blocks, shape.keys)
  let sums = wholeVectors(shape.queriesPerBlock)
  try forEachHead(shape, scratch: products.scores + sums + products.scratch) { head, image, scratch in
    let (scores, logSumExp) = (scratch, scratch + products.scores)
    let key = MatrixView(k, head: head, image: image, rows: keys, shape, transposed: true)
    for block in blocks {
      let (first, rows) = (block.lowerBound, block.count)
      let query = MatrixView(q, head: head, image: image, rows: shape.queries, shape, first: first)
      products.scoring(rows)(
        query, key, into: MatrixOutput(scores, stride: products.stride),
        Epilogue(residual: bias?.rows(shape, head: head, first: first)), scratch: logSumExp + sums)
      lmk_softmax(rows, keys, products.stride, shape.scale, scores, logSumExp)
      let place = weights + shape.row(head, image: image, first) * keys
      for row in 0..<rows { (place + row * keys).update(from: scores + row * products.stride, count: keys) }
    }
  }
}
