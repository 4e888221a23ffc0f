import Compute
import Networks
import Tensors
import TestSupport
import Testing

/// A layer of freely named parameters.
private final class Bag: Layer {
  let members: [Member]

  init(_ shapes: [(String, [Int])]) throws {
    members = try shapes.map { .parameter($0.0, try Parameter($0.1, .normal(std: 1))) }
    initialize(prefix: "bag", seed: 7)
  }
}

@Suite struct OptimizerTests {
  /// Gives a parameter the gradient 0.1·(i + step).
  private func setGradient(_ parameter: Parameter, step: Int) throws -> [Double] {
    let count = parameter.tensor.count
    let values = (0..<count).map { 0.1 * Double($0 + step) - 0.2 }
    parameter.tensor.gradient?.clear()
    let weights = try Tensor(shape: [1, count], values: values.map { Float($0) })
    let (loss, tape) = try Tape.record { try linear(parameter.tensor.reshaped([1, count]), weight: weights) }
    try tape.backward(from: loss)
    return values
  }

  @Test(arguments: [("w", [2, 3], true), ("w", [6], false), ("norm.w", [2, 3], false), ("embed.w", [2, 3], false)])
  func adamWFollowsItsDefinition(_ name: String, _ shape: [Int], _ decays: Bool) throws {
    let bag = try Bag([(name, shape)])
    let optimizer = try AdamW(bag.namedParameters(), beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.05)
    let parameter = optimizer.slots[0].parameter
    var p = parameter.tensor.values.map(Double.init)
    var (m, v) = ([Double](repeating: 0, count: 6), [Double](repeating: 0, count: 6))
    for step in 1...4 {
      let g = try setGradient(parameter, step: step)
      let rate = 0.01 / Double(step)
      for i in 0..<6 {
        m[i] = 0.9 * m[i] + 0.1 * g[i]
        v[i] = 0.95 * v[i] + 0.05 * g[i] * g[i]
        var (first, second) = (1.0, 1.0)
        for _ in 0..<step { (first, second) = (first * 0.9, second * 0.95) }
        if decays { p[i] -= rate * 0.05 * p[i] }
        p[i] -= rate * (m[i] / (1 - first)) / ((v[i] / (1 - second)).squareRoot() + 1e-8)
      }
      optimizer.update(learningRate: Float(rate))
    }
    expectClose(parameter.tensor.values, p, absolute: 4e-7, relative: 1e-6)
  }

  @Test func theNormIsOverAllGradients() throws {
    let bag = try Bag([("a", [3]), ("b", [2, 2])])
    let optimizer = try AdamW(bag.namedParameters())
    let squares = try optimizer.slots.flatMap { try setGradient($0.parameter, step: 1) }.reduce(0) { $0 + $1 * $1 }
    #expect(abs(optimizer.gradientNorm() - squares.squareRoot()) < 1e-6)
    optimizer.clearGradients()
    #expect(optimizer.gradientNorm() == 0)
  }

  @Test func theAverageIsPairedByName() throws {
    let online = try Bag([("a", [2]), ("extra", [5]), ("b", [2])])
    let target = try Bag([("b", [2]), ("a", [2])])
    let before = target.namedParameters().map { $0.parameter.tensor.values }
    let leaders = Dictionary(
      uniqueKeysWithValues: online.namedParameters().map { ($0.name, $0.parameter.tensor.values) })
    try MovingAverage(target: target.namedParameters(), online: online.namedParameters()).update(momentum: 0.75)
    for (old, named) in zip(before, target.namedParameters()) {
      let leader = try #require(leaders[named.name])
      let wanted = zip(old, leader).map { 0.75 * Double($0) + 0.25 * Double($1) }
      expectClose(named.parameter.tensor.values, wanted, absolute: 2e-7)
    }
  }

  @Test func anAverageWithoutPartnerIsRefused() throws {
    let (online, target) = (try Bag([("a", [2])]), try Bag([("missing", [2])]))
    #expect(throws: ShapeError.self) {
      try MovingAverage(target: target.namedParameters(), online: online.namedParameters())
    }
  }
}
