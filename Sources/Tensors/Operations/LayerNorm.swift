import CKernels
import Compute

/// y = (x − mean)/√(variance + ε)·weight + bias over the last dimension (variance over C, not C − 1).
///
/// - Parameters:
///   - x: [..., C].
///   - weight, bias: [C].
///   - element: how the result is stored.
/// - Throws: `ShapeError`, `OutOfMemory`.
public func layerNorm(
  _ x: Tensor, weight: Tensor, bias: Tensor, epsilon: Float, element: Element = .float32
) throws -> Tensor {
  let (rows, width) = (x.rows, x.width)
  try expect([width], weight, "layerNorm", "weight")
  try expect([width], bias, "layerNorm", "bias")
  let (input, scale) = (x.buffer, weight.buffer)
  let y = try Buffer(count: rows * width, element: element)
  let (mean, inverseDeviation) = (try Buffer(count: rows), try Buffer(count: rows))
  parallelRows(rows, cost: width) { range in
    let (row, first) = (range.lowerBound, range.lowerBound * width)
    lmk_layer_norm(
      range.count, width, input.address(first), input.element.code, scale.pointer, bias.pointer, epsilon,
      y.address(first), element.code, mean.pointer + row, inverseDeviation.pointer + row)
  }
  let (dx, dWeight, dBias) = (x.gradient, weight.gradient, bias.gradient)
  return recorded(shape: x.shape, buffer: y, inputs: [x, weight, bias]) { dy in
    let contribution = try Buffer(count: rows * width, element: input.element)
    let sums = try Buffer(count: 2 * width, repeating: 0)
    try addPartialSums(rows: rows, cost: width, width: 2 * width, into: sums.pointer) { range, partial in
      let (row, first) = (range.lowerBound, range.lowerBound * width)
      lmk_layer_norm_gradient(
        range.count, width, input.address(first), input.element.code, scale.pointer, mean.pointer + row,
        inverseDeviation.pointer + row, dy.address(first), dy.element.code, contribution.address(first),
        contribution.element.code, partial, partial + width)
    }
    try dx?.add(contribution)
    for (slot, part) in [(dWeight, sums.pointer), (dBias, sums.pointer + width)] {
      try slot?.add(Buffer(UnsafeBufferPointer(start: part, count: width)))
    }
  }
}
