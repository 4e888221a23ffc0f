import CKernels
import Compute

/// x / max(‖x‖, 1e-12) over the last dimension.
///
/// - Parameter x: [..., C].
/// - Throws: `OutOfMemory`.
public func normalize(_ x: Tensor) throws -> Tensor {
  let (rows, width) = (x.rows, x.width)
  let (y, norms) = (try Buffer(count: x.count), try Buffer(count: rows))
  parallelRows(rows, cost: width) { range in
    let (row, first) = (range.lowerBound, range.lowerBound * width)
    lmk_normalize(range.count, width, x.pointer + first, y.pointer + first, norms.pointer + row)
  }
  let dx = x.gradient
  return recorded(shape: x.shape, buffer: y, inputs: [x]) { dy in
    let contribution = try Buffer(count: rows * width)
    parallelRows(rows, cost: width) { range in
      let (row, first) = (range.lowerBound, range.lowerBound * width)
      lmk_normalize_gradient(
        range.count, width, y.pointer + first, norms.pointer + row, dy.pointer + first, contribution.pointer + first)
    }
    try dx?.add(contribution)
  }
}

/// (x − mean)/(std + ε) of each channel over the tokens of an image, with the unbiased variance (divided by N − 1). The
/// gradient flows through mean and std.
///
/// - Parameter x: [B, N, C], N ≥ 2.
/// - Throws: `ShapeError`, `OutOfMemory`.
public func standardize(_ x: Tensor, epsilon: Float) throws -> Tensor {
  try expect(3, x, "standardize", "x")
  let (images, tokens, width) = (x.shape[0], x.shape[1], x.width)
  guard tokens >= 2 else { throw ShapeError("standardize", "x has shape \(x.shape), wanted at least two tokens") }
  let y = try Buffer(count: x.count)
  let rstd = try Buffer(count: images * width)
  let size = tokens * width
  parallel(images) { image in
    lmk_standardize(
      tokens, width, x.pointer + image * size, epsilon, y.pointer + image * size,
      rstd.pointer + image * width)
  }
  let dx = x.gradient
  return recorded(shape: x.shape, buffer: y, inputs: [x]) { dy in
    let contribution = try Buffer(count: images * size)
    parallel(images) { image in
      lmk_standardize_gradient(
        tokens, width, y.pointer + image * size, rstd.pointer + image * width, epsilon,
        dy.pointer + image * size, contribution.pointer + image * size)
    }
    try dx?.add(contribution)
  }
}
