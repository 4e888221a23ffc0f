import TestSupport
import Testing

@testable import Evaluation

@Suite struct FeatureNormTests {
  @Test(arguments: [(2, 1), (3, 17), (177, 35), (64, 300)])
  func agreesWithTheFormulas(_ size: (Int, Int)) throws {
    let (rows, width) = size
    let norm = try FeatureNorm(width: width, momentum: 0.1, epsilon: 1e-6)
    var (mean, variance) = ([Double](repeating: 0, count: width), [Double](repeating: 1, count: width))
    for batch in 0..<3 {
      var x = randomValues(rows * width, seed: 1 + batch)
      let before = x.doubled
      x.withUnsafeMutableBufferPointer { if let start = $0.baseAddress { norm.train(start, rows: rows) } }
      var expected = before
      for column in 0..<width {
        let values = (0..<rows).map { before[$0 * width + column] }
        let average = values.reduce(0, +) / Double(rows)
        let squares = values.reduce(0) { $0 + ($1 - average) * ($1 - average) }
        mean[column] = 0.9 * mean[column] + 0.1 * average
        variance[column] = 0.9 * variance[column] + 0.1 * squares / Double(rows - 1)
        for row in 0..<rows {
          expected[row * width + column] =
            (values[row] - average) / (squares / Double(rows) + 1e-6).squareRoot()
        }
      }
      expectClose(x, expected, absolute: 1e-6, relative: 1e-6, "batch \(batch)")
    }
    expectClose(norm.mean, mean, absolute: 1e-12)
    expectClose(norm.variance, variance, absolute: 1e-12)
    var x = randomValues(rows * width, seed: 9)
    let expected = x.doubled.enumerated().map { index, value in
      (value - mean[index % width]) / (variance[index % width] + 1e-6).squareRoot()
    }
    x.withUnsafeMutableBufferPointer { if let start = $0.baseAddress { norm.evaluate(start, rows: rows) } }
    expectClose(x, expected, absolute: 1e-6, relative: 1e-6, "evaluation")
  }

  @Test func aConstantChannelBecomesZero() throws {
    let norm = try FeatureNorm(width: 1)
    var x: [Float] = [3, 3, 3]
    x.withUnsafeMutableBufferPointer { if let start = $0.baseAddress { norm.train(start, rows: 3) } }
    #expect(x == [0, 0, 0])
  }
}
