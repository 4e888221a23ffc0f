import Compute
import Tensors
import Testing

/// Checks shape, value and the gradient of every input of an operation against a reference in double precision, with
/// every instruction set; then that 1, 2 and 3 threads give the same bits.
///
/// The expected gradient is the central difference of the reference, contracted with a random cotangent: element by
/// element, or, where there are more than 5000, along three random directions for each input.
///
/// - Parameters:
///   - shapes: of the inputs.
///   - output: the shape wanted.
///   - terms: how many numbers the longest chain of sums in the operation adds: sets the tolerance, with
///     `roundingError`.
///   - inputs: their values; random in −1 … 1 where not given.
///   - valueFloor, gradientFloor: absolute errors allowed besides, where a result is small because large numbers
///     cancel, or a kernel states an absolute error.
///   - reference: from the values of the inputs to those of the output.
public func checkOperation(
  _ shapes: [[Int]], gives output: [Int], terms: Int, inputs: [[Float]]? = nil, valueFloor: Double = 0,
  gradientFloor: Double = 0, sourceLocation: SourceLocation = #_sourceLocation, reference: ([[Double]]) -> [Double],
  operation: ([Tensor]) throws -> Tensor
) throws {
  let inputs = inputs ?? shapes.enumerated().map { randomValues($1.reduce(1, *), seed: 1 + $0) }
  let cotangent = randomValues(output.reduce(1, *), seed: 99)
  let expected = Expectation(inputs: inputs.map(\.doubled), cotangent: cotangent.doubled, reference: reference)
  func run() throws -> OperationRun { try OperationRun(shapes, inputs, cotangent: cotangent, operation) }

  try Machine.onEachInstructionSet { set in
    let outcome = try run()
    #expect(outcome.shape == output, "\(set)", sourceLocation: sourceLocation)
    expectClose(
      outcome.value, expected.value,
      absolute: valueFloor + roundingError(terms: terms, magnitude: expected.valueMagnitude), "value, \(set)",
      sourceLocation: sourceLocation)
    for (index, wanted) in expected.gradients.enumerated() where outcome.isRecorded {
      let tolerance = roundingError(terms: terms, magnitude: wanted.magnitude * expected.condition)
      expectClose(
        wanted.contract(outcome.gradients[index]), wanted.slopes,
        absolute: tolerance + gradientFloor * wanted.floorFactor, "gradient of input \(index), \(set)",
        sourceLocation: sourceLocation)
    }
  }
  try expectSameBitsForAnyThreadCount(sourceLocation: sourceLocation, run)
}

private func expectSameBitsForAnyThreadCount(sourceLocation: SourceLocation, _ run: () throws -> OperationRun) throws {
  var first: OperationRun?
  try Machine.onEachThreadCount { threads in
    let outcome = try run()
    guard let first else { return first = outcome }
    expectSameBits(outcome.value, first.value, "value, \(threads) threads", sourceLocation: sourceLocation)
    for (index, pair) in zip(outcome.gradients, first.gradients).enumerated() {
      let what = "gradient of input \(index), \(threads) threads"
      expectSameBits(pair.0, pair.1, what, sourceLocation: sourceLocation)
    }
  }
}
