import CKernels
import Compute

/// Weight of each visible token v for each target t: softmax over v of scale·(position_t · position_v). No gradient
/// flows through it.
///
/// - Parameters:
///   - targets: [B, T, D] positions of the targets.
///   - visible: [B, V, D] positions of the visible patches.
/// - Returns: [B, T, V], rows sum to 1.
/// - Throws: `ShapeError`, `OutOfMemory`.
public func cueWeights(targets: Tensor, visible: Tensor, scale: Float) throws -> Tensor {
  try expect(3, targets, "cueWeights", "targets")
  let (images, queries, width) = (targets.shape[0], targets.shape[1], targets.width)
  let keys = visible.shape.count == 3 ? visible.shape[1] : 0
  try expect([images, keys, width], visible, "cueWeights", "visible")
  let weights = try Buffer(count: images * queries * keys)
  let scoring = LocalProduct(queries, keys, width)
  let stride = wholeVectors(keys)
  try parallelWithScratch(images, scratchCount: scoring.scratchCount + queries * (stride + 1)) { image, scratch in
    let place = scratch + scoring.scratchCount
    let logSumExp = place + queries * stride
    scoring(
      MatrixView(targets.pointer + image * queries * width, stride: width),
      MatrixView(visible.pointer + image * keys * width, stride: width, transposed: true),
      into: MatrixOutput(place, stride: stride), scratch: scratch)
    lmk_softmax(queries, keys, stride, scale, place, logSumExp)
    for query in 0..<queries {
      (weights.pointer + (image * queries + query) * keys).update(from: place + query * stride, count: keys)
    }
  }
  return try Tensor(shape: [images, queries, keys], buffer: weights)
}

/// The decoder's queries: query_t = m + Σ_v weight[t, v]·e_v over the visible tokens, without the leading ones.
///
/// - Parameters:
///   - maskToken: [1, 1, D], m.
///   - e: [B, leading + V, D], the visible tokens last.
///   - weights: [B, T, V], constant.
///   - leading: number of tokens before the visible ones: 1 for a class token.
/// - Returns: [B, T, D].
/// - Throws: `ShapeError`, `OutOfMemory`.
public func visualCues(_ e: Tensor, maskToken: Tensor, weights: Tensor, leading: Int = 1) throws -> Tensor {
  try expect(3, weights, "visualCues", "weights")
  let (images, queries, keys, width) = (weights.shape[0], weights.shape[1], weights.shape[2], e.width)
  try expect([images, leading + keys, width], e, "visualCues", "e")
  try expect([1, 1, width], maskToken, "visualCues", "maskToken")
  let y = try Buffer(count: images * queries * width)
  let cues = weights.buffer
  let (rowsOut, rowsIn, lead) = (queries * width, (leading + keys) * width, leading * width)
  let mixing = LocalProduct(queries, width, keys)
  try parallelWithScratch(images, scratchCount: mixing.scratchCount) { image, scratch in
    mixing(
      MatrixView(cues.pointer + image * queries * keys, stride: keys),
      MatrixView(e.pointer + image * rowsIn + lead, stride: width),
      into: MatrixOutput(y.pointer + image * rowsOut, stride: width), Epilogue(bias: maskToken.pointer),
      scratch: scratch)
  }
  let (de, dMask) = (e.gradient, maskToken.gradient)
  return recorded(shape: [images, queries, width], buffer: y, inputs: [e, maskToken]) { dy in
    try dMask?.accumulate(count: width) { place, beta in
      if beta == 0 { place.update(repeating: 0, count: width) }
      try addColumnSums(dy.pointer, rows: images * queries, width: width, into: place)
    }
    guard let de else { return }
    let contribution = try Buffer(count: images * rowsIn)
    let collecting = LocalProduct(keys, width, queries)
    try parallelWithScratch(images, scratchCount: collecting.scratchCount) { image, scratch in
      let place = contribution.pointer + image * rowsIn
      place.update(repeating: 0, count: lead)
      collecting(
        MatrixView(cues.pointer + image * queries * keys, stride: keys, transposed: true),
        MatrixView(dy.pointer + image * rowsOut, stride: width), into: MatrixOutput(place + lead, stride: width),
        scratch: scratch)
    }
    try de.add(contribution)
  }
}
