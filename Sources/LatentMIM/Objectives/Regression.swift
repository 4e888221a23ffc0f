import Tensors

/// Direct reconstruction (§3.4): the mean deviation from the targets, times a number.
struct Regression: Objective {
  let deviation: Deviation
  var scale: Float = 1

  func callAsFunction(_ predictions: Tensor, _ targets: Targets) throws -> Tensor {
    let mean = try meanDeviation(predictions, targets.values, deviation)
    return scale == 1 ? mean : try weightedSum([(scale, mean)])
  }

  var bounds: LossBounds { LossBounds(chance: .nan, floor: 0) }
}

/// Squared error to targets standardised token by token: (z − mean)/√(variance + 1e-6), variance over C − 1 (He et al.
/// 2022).
struct NormalizedMSE: Objective {
  let width: Int

  private static let epsilon: Float = 1e-6

  func callAsFunction(_ predictions: Tensor, _ targets: Targets) throws -> Tensor {
    // What layer norm does with variances over C, its ε and scale made to fit.
    let share = Float(width - 1) / Float(width)
    let standardized = try layerNorm(
      targets.values, scale: share.squareRoot(), epsilon: Self.epsilon * share)
    return try meanDeviation(predictions, standardized, .squared)
  }

  /// Predicting each number's mean, 0, costs its variance.
  var bounds: LossBounds { LossBounds(chance: Double(width - 1) / Double(width), floor: 0) }
}
