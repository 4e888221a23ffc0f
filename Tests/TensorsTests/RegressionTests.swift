import Glibc
import TestSupport
import Tensors
import Testing

@Suite struct RegressionTests {
  static let shapes = [[1, 1, 1], [3, 17, 3], [1, 3, 177], [2, 177, 5]]
  static let deviations: [Deviation] = [
    .squared, .absolute, .huber(delta: 1), .huber(delta: 0.3), .huberVector(delta: 1), .huberVector(delta: 3),
  ]

  @Test(arguments: shapes, deviations)
  func everyDeviation(shape: [Int], deviation: Deviation) throws {
    // Numbers in steps of 1/64 apart by an odd number of 1/128: no difference is at a kink, and steps of a numerical
    // gradient reach none.
    let count = shape.reduce(1, *)
    let inputs = (0..<2).map { part in
      randomValues(count, seed: 1 + part).map { ($0 * 64).rounded() / 64 + Float(part) / 128 }
    }
    try checkOperation(
      [shape, shape], gives: [], terms: count, inputs: inputs,
      reference: { [reference($0[0], $0[1], width: shape[2], deviation)] },
      operation: { try meanDeviation($0[0], $0[1], deviation) })
  }

  func reference(_ p: [Double], _ z: [Double], width: Int, _ deviation: Deviation) -> Double {
    let d = zip(p, z).map { $0 - $1 }
    switch deviation {
    case .squared: return Reference.mean(d.map { $0 * $0 })
    case .absolute: return Reference.mean(d.map(abs))
    case .huber(let delta):
      let delta = Double(delta)
      return Reference.mean(d.map { abs($0) < delta ? $0 * $0 / 2 : delta * (abs($0) - delta / 2) })
    case .huberVector(let delta):
      let delta = Double(delta)
      return Reference.mean(
        Reference.rows(d, width).map { row in
          let square = row.reduce(0) { $0 + $1 * $1 }
          return square < delta * delta ? square / 2 : delta * (row.reduce(0) { $0 + abs($1) } - delta / 2)
        })
    }
  }

  @Test func errorsNameTheShapes() throws {
    let x = try Tensor(shape: [1, 2, 3], values: randomValues(6, seed: 1))
    expectShapeError("meanDeviation", "targets", "[6]", "[1, 2, 3]") {
      _ = try meanDeviation(x, x.reshaped([6]), .squared)
    }
    let none = try Tensor(shape: [0, 3], values: [])
    expectShapeError("meanDeviation", "[0, 3]", "at least one number") {
      _ = try meanDeviation(none, none, .absolute)
    }
  }
}

/// Patch contrast with keys of its own and keys left out.
@Suite struct PatchContrastOptionTests {
  @Test(arguments: [(1, 1, 3, 2), (3, 17, 40, 3), (2, 5, 177, 17)])
  func keysBesideTheOwn(images: Int, queries: Int, keys: Int, width: Int) throws {
    let own = (0..<images * queries).map { Int32(($0 * 7 + 3) % keys) }
    try check(images, queries, keys, width, own: own, alike: nil)
  }

  @Test(arguments: [(1, 17, 17, 3), (2, 5, 33, 2), (1, 33, 5, 3)])
  func alikeKeysAreLeftOut(images: Int, queries: Int, keys: Int, width: Int) throws {
    let own = (0..<images * queries).map { Int32(($0 * 7 + 3) % keys) }
    try check(images, queries, keys, width, own: own, alike: 0.5)
  }

  private func check(
    _ images: Int, _ queries: Int, _ keys: Int, _ width: Int, own: [Int32], alike: Float?
  ) throws {
    let (shapes, temperature) = ([[images, queries, width], [images, keys, width]], 0.2)
    let inputs = zip(shapes, 1...2).map { randomValues($0.reduce(1, *), seed: $1).rowsOfUnitLength(width: width) }
    // Which keys are left out is decided from the values given, as the operation does: no gradient flows through it.
    let left = leftOut(inputs[1].doubled, own, images, queries, keys, width, alike)
    let logitError = roundingError(terms: width + keys, magnitude: 1 / temperature)
    try checkOperation(
      shapes, gives: [], terms: width + keys, inputs: inputs, valueFloor: logitError,
      gradientFloor: logitError / temperature / Double(images * queries),
      reference: { values in
        var sum = 0.0
        for query in 0..<images * queries {
          let image = query / queries
          let p = values[0][query * width..<(query + 1) * width]
          let logits = (0..<keys).map { key -> Double in
            let first = (image * keys + key) * width
            if left[query][key] { return -.infinity }
            return zip(p, values[1][first..<first + width]).reduce(0) { $0 + $1.0 * $1.1 } / temperature
          }
          sum -= log(Reference.softmax(logits)[Int(own[query])])
        }
        return [sum / Double(images * queries)]
      },
      operation: { try patchContrast($0[0], $0[1], own: own, temperature: Float(temperature), alike: alike) })
  }

  private func leftOut(
    _ z: [Double], _ own: [Int32], _ images: Int, _ queries: Int, _ keys: Int, _ width: Int, _ alike: Float?
  ) -> [[Bool]] {
    (0..<images * queries).map { query in
      func key(_ number: Int) -> ArraySlice<Double> {
        let first = (query / queries * keys + number) * width
        return z[first..<first + width]
      }
      return (0..<keys).map { number in
        guard let alike, number != Int(own[query]) else { return false }
        return zip(key(Int(own[query])), key(number)).reduce(0) { $0 + $1.0 * $1.1 } > Double(alike)
      }
    }
  }

  @Test func errorsNameWhatIsWrong() throws {
    let x = try Tensor(shape: [1, 2, 3], values: randomValues(6, seed: 1))
    expectShapeError("patchContrast", "own holds 1 key numbers", "2 in 0 ..< 2") {
      _ = try patchContrast(x, x, own: [0], temperature: 1)
    }
    expectShapeError("patchContrast", "own holds 2 key numbers") {
      _ = try patchContrast(x, x, own: [0, 2], temperature: 1)
    }
  }
}

@Suite struct BatchNormTests {
  @Test(arguments: [[1, 3], [2, 17], [17, 3], [177, 5], [5, 300]])
  func columnsOfABatch(shape: [Int]) throws {
    let (rows, width, epsilon) = (shape[0], shape[1], 1e-2)
    try checkOperation(
      [shape], gives: shape, terms: 3 * rows,
      reference: { inputs in
        let columns = (0..<width).map { column in (0..<rows).map { inputs[0][$0 * width + column] } }
        let normed = columns.map { column in
          let mean = Reference.mean(column)
          let variance = Reference.mean(column.map { ($0 - mean) * ($0 - mean) })
          return column.map { ($0 - mean) / (variance + epsilon).squareRoot() }
        }
        return (0..<rows * width).map { normed[$0 % width][$0 / width] }
      },
      operation: { try batchNorm($0[0], epsilon: Float(epsilon)) })
  }

  @Test(arguments: [[1, 3], [17, 5], [3, 177]])
  func scaledAndCut(shape: [Int]) throws {
    let width = shape[1]
    try checkOperation(
      [shape, [width], [width]], gives: shape, terms: shape[0] + 2,
      reference: { inputs in
        inputs[0].enumerated().map { max($1 * inputs[1][$0 % width] + inputs[2][$0 % width], 0) }
      },
      operation: { try scaledReLU($0[0], weight: $0[1], bias: $0[2]) })
  }

  @Test func errorsNameTheShapes() throws {
    let x = try Tensor(shape: [2, 3], values: randomValues(6, seed: 1))
    expectShapeError("batchNorm", "[6]", "2 dimensions") { _ = try batchNorm(x.reshaped([6]), epsilon: 1) }
    expectShapeError("batchNorm", "[0, 3]", "at least one row") {
      _ = try batchNorm(Tensor(shape: [0, 3], values: []), epsilon: 1)
    }
    let two = try Tensor(shape: [2], values: [1, 2])
    expectShapeError("scaledReLU", "weight", "[2]", "[3]") { _ = try scaledReLU(x, weight: two, bias: two) }
  }
}
