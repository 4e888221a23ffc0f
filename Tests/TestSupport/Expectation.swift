/// What the double-precision reference says of an operation at one point.
struct Expectation {
  let value: [Double]
  /// The largest Σ |∂y/∂x|·|x| + |y| of an output: what roundings of the inputs and of their multiples are relative to.
  let valueMagnitude: Double
  let gradients: [Slopes]

  /// How much larger relative errors of the results are than those of the inputs: the gradient, computed from rounded
  /// intermediate results, inherits it.
  var condition: Double {
    let largest = value.reduce(0) { max($0, abs($1)) }
    return largest > 0 ? valueMagnitude / largest : 1
  }

  private static let step = 0x1p-17
  private static let mostElements = 5000

  init(inputs: [[Double]], cotangent: [Double], reference: ([[Double]]) -> [Double]) {
    let value = reference(inputs)
    let isSmall = inputs.reduce(0) { $0 + $1.count } <= Self.mostElements
    var magnitudes = value.map(abs)
    gradients = inputs.indices.map { input in
      var slopes = Slopes(directions: isSmall ? .elements : .random(count: 3, length: inputs[input].count))
      for index in 0..<slopes.directions.count(length: inputs[input].count) {
        var (ahead, behind) = (inputs, inputs)
        slopes.directions.move(&ahead[input], along: index, by: Self.step)
        slopes.directions.move(&behind[input], along: index, by: -Self.step)
        let change = zip(reference(ahead), reference(behind)).map { ($0 - $1) / (2 * Self.step) }
        let size = isSmall ? abs(inputs[input][index]) : 1
        for (output, slope) in change.enumerated() { magnitudes[output] += abs(slope) * size }
        slopes.append(zip(cotangent, change).map { $0 * $1 })
      }
      return slopes
    }
    self.value = value
    valueMagnitude = magnitudes.max() ?? 0
  }
}

/// The slopes of Σ cotangent·y along some directions of one input.
struct Slopes {
  let directions: Directions
  private(set) var slopes: [Double] = []
  /// The largest Σ |cotangent·∂y| of a direction.
  private(set) var magnitude = 0.0

  init(directions: Directions) { self.directions = directions }

  mutating func append(_ terms: [Double]) {
    slopes.append(terms.reduce(0, +))
    magnitude = max(magnitude, terms.reduce(0) { $0 + abs($1) })
  }

  /// A gradient, seen along the same directions.
  func contract(_ gradient: [Float]) -> [Double] {
    switch directions {
    case .elements: gradient.doubled
    case .dense(let all): all.map { zip($0, gradient).reduce(0) { $0 + $1.0 * Double($1.1) } }
    }
  }

  /// Errors of single elements, of either sign, add up to this many along a direction.
  var floorFactor: Double {
    if case .dense(let all) = directions { Double(all.first?.count ?? 0).squareRoot() } else { 1 }
  }
}

/// Directions in the space of one input: its axes, or a few random ones.
enum Directions {
  case elements
  case dense([[Double]])

  static func random(count: Int, length: Int) -> Directions {
    .dense((0..<count).map { randomValues(length, seed: 1000 + $0).doubled })
  }

  func count(length: Int) -> Int {
    if case .dense(let all) = self { all.count } else { length }
  }

  func move(_ point: inout [Double], along index: Int, by step: Double) {
    switch self {
    case .elements: point[index] += step
    case .dense(let all): for element in point.indices { point[element] += step * all[index][element] }
    }
  }
}
