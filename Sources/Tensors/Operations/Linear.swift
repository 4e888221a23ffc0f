import CKernels
import Compute

/// y = x·Wᵀ + bias + residual.
///
/// - Parameters:
///   - x: [..., in].
///   - weight: [out, in].
///   - bias: [out].
///   - residual: the shape of the result; added to it.
/// - Returns: [..., out].
/// - Throws: `ShapeError`, `OutOfMemory`.
public func linear(_ x: Tensor, weight: Tensor, bias: Tensor? = nil, residual: Tensor? = nil) throws -> Tensor {
  try expect(2, weight, "linear", "weight")
  let (rows, inWidth, outWidth) = (x.rows, weight.shape[1], weight.shape[0])
  guard x.width == inWidth else {
    throw ShapeError("linear", "input's last dimension is \(x.width), weight wants \(inWidth)")
  }
  let shape = Array(x.shape.dropLast()) + [outWidth]
  if let bias { try expect([outWidth], bias, "linear", "bias") }
  if let residual { try expect(shape, residual, "linear", "residual") }

  let y = try Buffer(count: rows * outWidth)
  let added = bias != nil || residual != nil
  if added {
    parallelRows(rows, cost: outWidth) { range in
      let first = range.lowerBound * outWidth
      lmk_fill_rows(range.count, outWidth, bias?.pointer, residual.map { $0.pointer + first }, y.pointer + first)
    }
  }
  try parallelProduct(
    rows, outWidth, inWidth, MatrixView(x.pointer, stride: inWidth),
    MatrixView(weight.pointer, stride: inWidth, transposed: true), into: y.pointer, stride: outWidth,
    keep: added ? 1 : 0)

  let (input, matrix) = (x.buffer, weight.buffer)
  let (dx, dWeight, dBias, dResidual) = (x.gradient, weight.gradient, bias?.gradient, residual?.gradient)
  return recorded(shape: shape, buffer: y, inputs: [x, weight, bias, residual]) { dy in
    try dx?.accumulate(count: rows * inWidth) { place, keep in
      try parallelProduct(
        rows, inWidth, outWidth, MatrixView(dy.pointer, stride: outWidth), MatrixView(matrix.pointer, stride: inWidth),
        into: place, stride: inWidth, keep: keep)
    }
    try dWeight?.accumulate(count: outWidth * inWidth) { place, keep in
      try parallelProduct(
        outWidth, inWidth, rows, MatrixView(dy.pointer, stride: outWidth, transposed: true),
        MatrixView(input.pointer, stride: inWidth), into: place, stride: inWidth, keep: keep)
    }
    try dBias?.accumulate(count: outWidth) { place, keep in
      if keep == 0 { place.update(repeating: 0, count: outWidth) }
      try addColumnSums(dy.pointer, rows: rows, width: outWidth, into: place)
    }
    try dResidual?.add(dy)
  }
}
