import Compute
import TestSupport
import Tensors
import Testing

@Suite struct LinearTests {
  /// The operation and its reference for any of the four forms.
  func check(_ shape: [Int], outWidth: Int, bias: Bool, residual: Bool) throws {
    let (rows, inWidth) = (shape.dropLast().reduce(1, *), shape[shape.count - 1])
    let output = shape.dropLast() + [outWidth]
    let shapes = [shape, [outWidth, inWidth]] + (bias ? [[outWidth]] : []) + (residual ? [Array(output)] : [])
    // Forward sums over the input width, gradients over the output width and over the rows.
    try checkOperation(
      shapes, gives: Array(output), terms: max(inWidth, outWidth, rows),
      reference: { inputs in
        var y = Reference.productWithTransposed(inputs[0], inputs[1], depth: inWidth)
        if bias { for i in y.indices { y[i] += inputs[2][i % outWidth] } }
        if residual, let added = inputs.last { for i in y.indices { y[i] += added[i] } }
        return y
      },
      operation: { inputs in
        try linear(
          inputs[0], weight: inputs[1], bias: bias ? inputs[2] : nil, residual: residual ? inputs.last : nil)
      })
  }

  @Test(arguments: [([1, 1], 1), ([3, 17], 1), ([17, 3], 177), ([3, 177], 17), ([177, 1], 3), ([1, 3, 17], 3)])
  func allForms(shape: [Int], outWidth: Int) throws {
    for bias in [false, true] {
      for residual in [false, true] { try check(shape, outWidth: outWidth, bias: bias, residual: residual) }
    }
  }

  /// Sizes that cut rows, columns or depth among threads, forward or backward.
  @Test(arguments: [([700, 3], 5), ([3, 5], 700), ([3, 1100], 5), ([2, 550, 3], 5)])
  func severalPieces(shape: [Int], outWidth: Int) throws {
    try check(shape, outWidth: outWidth, bias: true, residual: true)
  }

  @Test func vectorInput() throws {
    try check([17], outWidth: 3, bias: true, residual: false)
  }

  @Test func errorsNameTheShapes() throws {
    let x = try Tensor(shape: [2, 3], values: randomValues(6, seed: 1))
    let weight = try Tensor(shape: [5, 3], values: randomValues(15, seed: 2))
    expectShapeError("linear", "weight", "2 dimensions", "[6]") {
      _ = try linear(x, weight: Tensor(shape: [6], values: randomValues(6, seed: 1)))
    }
    expectShapeError("linear", "last dimension is 2", "wants 3") { _ = try linear(x.reshaped([3, 2]), weight: weight) }
    expectShapeError("linear", "bias", "[2, 3]", "[5]") { _ = try linear(x, weight: weight, bias: x) }
    expectShapeError("linear", "residual", "[2, 3]", "[2, 5]") { _ = try linear(x, weight: weight, residual: x) }
  }
}
