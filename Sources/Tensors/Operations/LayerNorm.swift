import CKernels
import Compute

/// A layer norm's parameters: weight and bias [C], and ε.
public struct NormParameters {
  public let weight: Tensor
  public let bias: Tensor
  public let epsilon: Float

  public init(weight: Tensor, bias: Tensor, epsilon: Float) {
    self.weight = weight
    self.bias = bias
    self.epsilon = epsilon
  }

  var tensors: [Tensor?] { [weight, bias] }

  func callAsFunction(_ x: Tensor, element: Element) throws -> Tensor {
    try layerNorm(x, weight: weight, bias: bias, epsilon: epsilon, element: element)
  }

  /// It as a step of rows of x.
  ///
  /// - Throws: `ShapeError`.
  func step(_ x: Tensor) throws -> RowStep {
    try check(width: x.width)
    return .norm(weight: weight.pointer, bias: bias.pointer, epsilon: epsilon, width: x.width)
  }

  func check(width: Int) throws {
    try expect([width], weight, "layerNorm", "weight")
    try expect([width], bias, "layerNorm", "bias")
  }
}

/// y = (x − mean)/√(variance + ε)·weight + bias over the last dimension, with the biased variance (divided by C).
///
/// - Parameters:
///   - x: [..., C].
///   - weight, bias: [C].
///   - element: element type of the result.
/// - Throws: `ShapeError`, `OutOfMemory`.
public func layerNorm(
  _ x: Tensor, weight: Tensor, bias: Tensor, epsilon: Float, element: Element = .float32
) throws -> Tensor {
  let (rows, width) = (x.rows, x.width)
  try NormParameters(weight: weight, bias: bias, epsilon: epsilon).check(width: width)
  let (input, scale, shift, part) = (x.kept, weight.buffer, bias.buffer, Profile.part)
  let (mean, rstd) = (try Buffer(count: rows), try Buffer(count: rows))
  func apply(_ input: Buffer) throws -> Buffer {
    let y = try Buffer(count: rows * width, element: element)
    Profile.measure("layer norm", part: part, bytes: Double(input.bytes + y.bytes)) {
      parallelRows(rows, cost: width) { range in
        let (row, first) = (range.lowerBound, range.lowerBound * width)
        lmk_layer_norm(
          range.count, width, input.address(first), input.element.code, scale.pointer, shift.pointer, epsilon,
          y.address(first), element.code, mean.pointer + row, rstd.pointer + row)
      }
    }
    return y
  }
  let (dx, dWeight, dBias) = (x.gradient, weight.gradient, bias.gradient)
  return recorded(
    shape: x.shape, buffer: try apply(x.buffer), inputs: [x, weight, bias], again: { try apply(input()) }
  ) { dy in
    let input = try input()
    let contribution = try Buffer(count: rows * width, element: input.element)
    let sums = try Buffer(count: 2 * width, repeating: 0)
    try Profile.measure("layer norm, gradient", part: part, bytes: Double(2 * input.bytes + dy.bytes)) {
      try addPartialSums(rows: rows, cost: width, width: 2 * width, into: sums.pointer) { range, partial in
        let (row, first) = (range.lowerBound, range.lowerBound * width)
        lmk_layer_norm_gradient(
          range.count, width, input.address(first), input.element.code, scale.pointer, mean.pointer + row,
          rstd.pointer + row, dy.address(first), dy.element.code, contribution.address(first),
          contribution.element.code, partial, partial + width)
      }
    }
    try dx?.add(contribution)
    for (slot, part) in [(dWeight, sums.pointer), (dBias, sums.pointer + width)] {
      try slot?.add(Buffer(UnsafeBufferPointer(start: part, count: width)))
    }
  }
}
