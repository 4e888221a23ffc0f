import Compute
import TestSupport
import Tensors
import Testing

@Suite struct StandardizeTests {
  let epsilon: Float = 1e-6

  func reference(_ x: [Double], tokens: Int, width: Int) -> [Double] {
    var y = x
    for start in stride(from: 0, to: x.count, by: tokens * width) {
      for channel in 0..<width {
        let places = (0..<tokens).map { start + $0 * width + channel }
        let mean = places.reduce(0) { $0 + x[$1] } / Double(tokens)
        let squares = places.reduce(0) { $0 + (x[$1] - mean) * (x[$1] - mean) }
        let deviation = (squares / Double(tokens - 1)).squareRoot()
        for place in places { y[place] = (x[place] - mean) / (deviation + Double(epsilon)) }
      }
    }
    return y
  }

  @Test(arguments: [[1, 3, 17], [17, 3, 3], [2, 177, 1], [1, 17, 177], [3, 2, 1]])
  func everyShape(shape: [Int]) throws {
    let (tokens, width) = (shape[1], shape[2])
    // Two tokens are ±1/√2 whatever they were: what remains of the gradient is the rounding of dy over a deviation ≥
    // 0.1.
    let x =
      tokens == 2 ? [0.5, -0.5, 0.25, 0.75, -1, 1] : randomValues(shape.reduce(1, *), seed: 1)
    try checkOperation(
      [shape], gives: shape, terms: tokens, inputs: [x],
      gradientFloor: tokens == 2 ? roundingError(terms: 2, magnitude: 1 / 0.1) : 0,
      reference: { reference($0[0], tokens: tokens, width: width) },
      operation: { try standardize($0[0], epsilon: epsilon) })
  }

  /// A constant column stays at 0; its gradient is that of the centring alone, over ε.
  @Test func constantColumn() throws {
    let x: [Float] = [0.5, 1, 0.5, -2, 0.5, 4]
    let cotangent: [Float] = [1, 0.5, -0.5, 0.25, 0.25, 1]
    try Machine.onEachInstructionSet { set in
      let run = try OperationRun([[1, 3, 2]], [x], cotangent: cotangent) { try standardize($0[0], epsilon: epsilon) }
      expectClose([run.value[0], run.value[2], run.value[4]], [0, 0, 0], "value, \(set)")
      let mean = 0.25
      let wanted = [1 - mean, -0.5 - mean, 0.25 - mean].map { $0 / Double(epsilon) }
      expectClose(
        [run.gradients[0][0], run.gradients[0][2], run.gradients[0][4]], wanted,
        absolute: roundingError(terms: 3, magnitude: 1 / Double(epsilon)), "gradient, \(set)")
    }
  }

  /// A column that is constant but for the rounding of its mean must not blow up.
  @Test func nearlyConstantColumn() throws {
    let run = try OperationRun(
      [[1, 177, 1]], [[Float](repeating: 0.1, count: 177)], cotangent: randomValues(177, seed: 1)
    ) { try standardize($0[0], epsilon: epsilon) }
    // The mean is off by at most its sum's rounding error; that, over ε, is all that may be left.
    let bound = roundingError(terms: 177, magnitude: 0.1) / Double(epsilon)
    expectClose(run.value, [Double](repeating: 0, count: 177), absolute: bound)
    #expect(run.gradients[0].allSatisfy { abs($0) <= 2 / epsilon })
  }

  @Test func errorsNameTheShapes() throws {
    let x = try Tensor(shape: [2, 1, 3], values: randomValues(6, seed: 1))
    expectShapeError("standardize", "[2, 1, 3]", "at least two tokens") { _ = try standardize(x, epsilon: epsilon) }
    expectShapeError("standardize", "[6]", "3 dimensions") { _ = try standardize(x.reshaped([6]), epsilon: epsilon) }
  }
}
