import Glibc
import Tensors

/// Patch discrimination (§3.4, eq. 7): each prediction shall be more like its own target than like others of its image.
struct PatchDiscrimination: Objective {
  /// τ.
  let temperature: Float
  /// The loss is this multiple of τ times the cross-entropy.
  let scale: Float
  /// Whether predictions are standardised over the patches of each image first, channel by channel.
  let standardizes: Bool
  /// Targets whose cosine is above this are not each other's negatives; nil: all are.
  let alike: Float?
  /// N, the keys of an image.
  private let keyCount: Int

  /// Added to the deviation when predictions are standardised.
  private static let standardizeEpsilon: Float = 1e-4

  init(_ configuration: ModelConfiguration) {
    temperature = Float(configuration.temperature)
    scale = Float(configuration.lossScale)
    standardizes = configuration.standardizePredictions
    let threshold = configuration.falseNegativeThreshold
    alike = threshold < 1 ? Float(threshold) : nil
    keyCount = configuration.negatives == .all ? configuration.numPatches : configuration.numTarget
  }

  func callAsFunction(_ predictions: Tensor, _ targets: Targets) throws -> Tensor {
    let compared = standardizes ? try standardize(predictions, epsilon: Self.standardizeEpsilon) : predictions
    let contrast = try patchContrast(
      normalize(compared), normalize(targets.keys?.values ?? targets.values), own: targets.keys?.own,
      temperature: temperature, alike: alike)
    return try weightedSum([(scale * temperature, contrast)])
  }

  /// lossScale · τ · ln N for N keys; and where they are spread as far from each other as N can be, the loss of their
  /// perfect predictions.
  var bounds: LossBounds {
    let (keys, others) = (Double(keyCount), Double(keyCount - 1))
    let factor = Double(scale) * Double(temperature)
    return LossBounds(
      chance: factor * log(keys), floor: factor * log(1 + others * exp(-keys / (others * Double(temperature)))))
  }
}
