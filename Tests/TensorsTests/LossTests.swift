import Compute
import Glibc
import TestSupport
import Tensors
import Testing

@Suite struct PatchContrastTests {
  @Test(arguments: [(1, 1, 3), (3, 17, 3), (2, 3, 17), (1, 177, 1), (5, 3, 177)])
  func everyShape(images: Int, patches: Int, width: Int) throws {
    let temperature: Float = 0.2
    let shape = [images, patches, width]
    let inputs = (1...2).map { randomValues(shape.reduce(1, *), seed: $0).rowsOfUnitLength(width: width) }
    // Logits are up to 1/τ large, and cancel; their gradient is carried back by vectors of length 1/τ, over all
    // patches.
    let logitError = roundingError(terms: width + patches, magnitude: 1 / Double(temperature))
    try checkOperation(
      [shape, shape], gives: [], terms: width + patches, inputs: inputs, valueFloor: logitError,
      gradientFloor: logitError / Double(temperature) / Double(images * patches),
      reference: { reference($0[0], $0[1], images, patches, width, Double(temperature)) },
      operation: { try patchContrast($0[0], $0[1], temperature: temperature) })
  }

  func reference(
    _ predictions: [Double], _ targets: [Double], _ images: Int, _ patches: Int, _ width: Int, _ temperature: Double
  ) -> [Double] {
    let size = patches * width
    var sum = 0.0
    for image in 0..<images {
      let logits = Reference.productWithTransposed(
        Array(predictions[image * size..<(image + 1) * size]), Array(targets[image * size..<(image + 1) * size]),
        depth: width)
      for (k, row) in Reference.rows(logits.map { $0 / temperature }, patches).enumerated() {
        sum -= log(Reference.softmax(row)[k])
      }
    }
    return [sum / Double(images * patches)]
  }

  @Test(arguments: [1, 3, 177])
  func weightedNumbers(count: Int) throws {
    let weights = (0..<count).map { Float($0 % 7) / 8 - 0.25 }
    try checkOperation(
      [[count]], gives: [], terms: count,
      reference: { inputs in [zip(inputs[0], weights).reduce(0) { $0 + $1.0 * Double($1.1) }] },
      operation: { try dot($0[0], Tensor(shape: [count], values: weights)) })
  }

  @Test func errorsNameTheShapes() throws {
    let x = try Tensor(shape: [1, 2, 3], values: randomValues(6, seed: 1))
    let flat = try x.reshaped([6])
    expectShapeError("patchContrast", "predictions", "[6]") { _ = try patchContrast(flat, x, temperature: 1) }
    expectShapeError("patchContrast", "targets", "[6]", "[1, 2, 3]") { _ = try patchContrast(x, flat, temperature: 1) }
    for temperature in [0, -1, Float.nan] {
      expectShapeError("patchContrast", "temperature is \(temperature)") {
        _ = try patchContrast(x, x, temperature: temperature)
      }
    }
  }
}

@Suite struct SimilarityTests {
  @Test(arguments: [[1, 1, 1], [3, 17, 3], [1, 3, 177], [2, 177, 1], [9, 100, 30]])
  func cosineOfAllPairs(shape: [Int]) throws {
    let (tokens, width) = (shape[1], shape[2])
    let x = randomValues(shape.reduce(1, *), seed: 1).rowsOfUnitLength(width: width)
    try checkOperation(
      [shape], gives: [shape[0]], terms: tokens + width, inputs: [x],
      reference: { inputs in
        Reference.rows(inputs[0], tokens * width).map { image in
          Reference.mean(Reference.productWithTransposed(image, image, depth: width))
        }
      },
      operation: { try meanCosine($0[0]) })
  }

  @Test(arguments: [1, 3, 17, 177], DeviationForm.allCases)
  func deviation(images: Int, form: DeviationForm) throws {
    let wanted = 0.125
    try checkOperation(
      [[images]], gives: [], terms: images,
      reference: { inputs in
        switch form {
        case .batch: [(Reference.mean(inputs[0]) - wanted) * (Reference.mean(inputs[0]) - wanted)]
        case .image: [Reference.mean(inputs[0].map { ($0 - wanted) * ($0 - wanted) })]
        }
      },
      operation: { try squaredDeviation($0[0], from: Float(wanted), form: form) })
  }

  @Test func sumOfTerms() throws {
    let factors: [Float] = [1, -0.5, 3]
    try checkOperation(
      [[], [], []], gives: [], terms: 3,
      reference: { inputs in [zip(factors, inputs).reduce(0) { $0 + Double($1.0) * $1.1[0] }] },
      operation: { try weightedSum(Array(zip(factors, $0)).map { (factor: $0, term: $1) }) })
  }

  @Test(arguments: [1, 3, 177])
  func weightedNumbers(count: Int) throws {
    let weights = (0..<count).map { Float($0 % 7) / 8 - 0.25 }
    try checkOperation(
      [[count]], gives: [], terms: count,
      reference: { inputs in [zip(inputs[0], weights).reduce(0) { $0 + $1.0 * Double($1.1) }] },
      operation: { try dot($0[0], Tensor(shape: [count], values: weights)) })
  }

  @Test func errorsNameTheShapes() throws {
    let x = try Tensor(shape: [3], values: [1, 2, 3])
    expectShapeError("meanCosine", "[3]", "3 dimensions") { _ = try meanCosine(x) }
    expectShapeError("meanCosine", "[1, 0, 3]", "at least one token") {
      _ = try meanCosine(Tensor(shape: [1, 0, 3], values: []))
    }
    expectShapeError("squaredDeviation", "[3, 1]", "1 dimension") {
      _ = try squaredDeviation(x.reshaped([3, 1]), from: 0, form: .batch)
    }
    expectShapeError("dot", "[1]", "[3]") { _ = try dot(x, Tensor(shape: [1], values: [1])) }
    expectShapeError("weightedSum", "[3]", "[]") { _ = try weightedSum([(1, x)]) }
  }
}
