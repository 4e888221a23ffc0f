import Compute
import Glibc
import TestSupport
import Tensors
import Testing

@Suite struct GELUTests {
  @Test(arguments: [[1], [3, 17], [177], [40_000]])
  func everyShape(shape: [Int]) throws {
    let largest: Float = 6
    // The error function's absolute error, 2e-7, times x/2; no smaller for the gradient, whose factors are below 1.2.
    let floor = 0.5 * 2e-7 * Double(largest)
    try checkOperation(
      [shape], gives: shape, terms: 1,
      inputs: [randomValues(shape.reduce(1, *), seed: 1, in: -largest...largest)], valueFloor: floor,
      gradientFloor: floor, reference: { $0[0].map { $0 * 0.5 * (1 + erf($0 / 2.0.squareRoot())) } },
      operation: { try gelu($0[0]) })
  }
}

@Suite struct LayerNormTests {
  let epsilon: Float = 1e-6

  @Test(arguments: [[3, 17], [17, 3], [1, 177], [177, 1], [3, 1, 3], [17], [1000, 40]])
  func everyShape(shape: [Int]) throws {
    let width = shape[shape.count - 1]
    let rows = shape.dropLast().reduce(1, *)
    // A single value is its own mean: of the gradient remains a rounding, over √ε.
    let floor = width == 1 ? roundingError(terms: 1, magnitude: 1 / Double(epsilon).squareRoot()) : 0
    try checkOperation(
      [shape, [width], [width]], gives: shape, terms: width + rows, gradientFloor: floor,
      reference: { inputs in
        Reference.rows(inputs[0], width).flatMap { row in
          let mean = Reference.mean(row)
          let variance = Reference.mean(row.map { ($0 - mean) * ($0 - mean) })
          return (0..<width).map {
            (row[$0] - mean) / (variance + Double(epsilon)).squareRoot() * inputs[1][$0] + inputs[2][$0]
          }
        }
      },
      operation: { try layerNorm($0[0], weight: $0[1], bias: $0[2], epsilon: epsilon) })
  }

  @Test func errorsNameTheShapes() throws {
    let x = try Tensor(shape: [2, 3], values: randomValues(6, seed: 1))
    let three = try Tensor(shape: [3], values: randomValues(3, seed: 1))
    expectShapeError("layerNorm", "weight", "[2, 3]", "[3]") {
      _ = try layerNorm(x, weight: x, bias: three, epsilon: 1)
    }
    expectShapeError("layerNorm", "bias", "[2, 3]", "[3]") { _ = try layerNorm(x, weight: three, bias: x, epsilon: 1) }
  }
}

@Suite struct NormalizeTests {
  @Test(arguments: [[3, 17], [17, 3], [1, 177], [3, 1], [2, 3, 17], [1000, 40]])
  func everyShape(shape: [Int]) throws {
    let width = shape[shape.count - 1]
    let x = randomValues(shape.reduce(1, *), seed: 1)
    let norms = Reference.rows(x.doubled, width).map { $0.reduce(0) { $0 + $1 * $1 }.squareRoot() }
    // dy and y(y·dy), which cancel where dy is along y, are divided by the norm.
    let floor = width == 1 ? roundingError(terms: 1, magnitude: 1 / (norms.min() ?? 1)) : 0
    try checkOperation(
      [shape], gives: shape, terms: width, inputs: [x], gradientFloor: floor,
      reference: { inputs in
        Reference.rows(inputs[0], width).flatMap { row in
          let norm = row.reduce(0) { $0 + $1 * $1 }.squareRoot()
          return row.map { $0 / max(norm, 1e-12) }
        }
      },
      operation: { try normalize($0[0]) })
  }

  /// Below 1e-12 the norm is a constant: y = x·10¹², and so is the gradient.
  @Test(arguments: [Float(0), 1e-14, 1e-20])
  func rowsWithoutLength(size: Float) throws {
    let x = randomValues(17, seed: 1).map { $0 * size }
    let cotangent = randomValues(17, seed: 2)
    try Machine.onEachInstructionSet { set in
      let run = try OperationRun([[1, 17]], [x], cotangent: cotangent) { try normalize($0[0]) }
      expectClose(run.value, x.doubled.map { $0 / 1e-12 }, relative: 4 * roundoff, "value, \(set)")
      expectClose(run.gradients[0], cotangent.doubled.map { $0 / 1e-12 }, relative: 4 * roundoff, "gradient, \(set)")
    }
  }

  /// Values whose squares overflow have no direction, but nothing becomes nan.
  @Test func hugeRows() throws {
    let y = try normalize(Tensor(shape: [1, 3], values: [1e30, -2e30, 0]))
    #expect(y.values.allSatisfy { $0 == 0 })
  }
}
