import Compute

/// Gradient descent with momentum for a linear classifier: v ← momentum·v + q·(g + decay·p), p ← p − rate·v.
public final class MomentumOptimizer {
  /// How large q is.
  public enum Rule: Sendable, Equatable {
    /// q = 1; decay falls on weights and biases.
    case sgd
    /// LARS (You, Gitman, Ginsburg 2017) as in MAE's linear probe: for the weights q = trust·‖p‖/‖g + decay·p‖, or 1
    /// where either norm is 0; biases go without trust and decay.
    case lars(trustCoefficient: Double)
  }

  public let rule: Rule
  public let momentum: Float
  public let weightDecay: Float
  private let weightVelocity: Buffer
  private let biasVelocity: Buffer

  /// - Throws: `OutOfMemory`.
  public init(_ rule: Rule, for classifier: LinearClassifier, momentum: Double, weightDecay: Double) throws {
    self.rule = rule
    self.momentum = Float(momentum)
    self.weightDecay = Float(weightDecay)
    weightVelocity = try Buffer(count: classifier.weight.count, repeating: 0)
    biasVelocity = try Buffer(count: classifier.bias.count, repeating: 0)
  }

  /// One step. The gradient is overwritten.
  public func update(_ classifier: LinearClassifier, _ gradient: LinearGradient, learningRate: Double) {
    let rate = Float(learningRate)
    addDecay(of: classifier.weight, to: gradient.weight)
    var trust: Float = 1
    if case .lars(let coefficient) = rule {
      trust = ratio(coefficient, of: classifier.weight, to: gradient.weight)
    } else {
      addDecay(of: classifier.bias, to: gradient.bias)
    }
    step(classifier.weight, gradient.weight, weightVelocity, trust: trust, rate: rate)
    step(classifier.bias, gradient.bias, biasVelocity, trust: 1, rate: rate)
  }

  private func addDecay(of parameter: Buffer, to gradient: Buffer) {
    guard weightDecay != 0 else { return }
    parallelElements(gradient.count) { range in
      for index in range { gradient.pointer[index] += weightDecay * parameter.pointer[index] }
    }
  }

  private func ratio(_ coefficient: Double, of parameter: Buffer, to gradient: Buffer) -> Float {
    let length = sumOfSquares(parameter.pointer, count: parameter.count).squareRoot()
    let slope = sumOfSquares(gradient.pointer, count: gradient.count).squareRoot()
    let ratio = length > 0 && slope > 0 ? Float(coefficient * length / slope) : 1
    // A gradient among the smallest numbers there are is none.
    return ratio.isFinite ? ratio : 1
  }

  private func step(_ parameter: Buffer, _ gradient: Buffer, _ velocity: Buffer, trust: Float, rate: Float) {
    parallelElements(parameter.count) { range in
      for index in range {
        velocity.pointer[index] = momentum * velocity.pointer[index] + trust * gradient.pointer[index]
        parameter.pointer[index] -= rate * velocity.pointer[index]
      }
    }
  }
}
