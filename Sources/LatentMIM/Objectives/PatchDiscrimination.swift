import Glibc
import Tensors

/// Patch discrimination (§3.4, eq. 7): each prediction shall be more like its own target than like the other targets of its image.
public struct PatchDiscrimination: Sendable {
  /// τ.
  public let temperature: Float
  /// The loss is this multiple of τ times the cross-entropy.
  public let scale: Float
  /// Whether predictions are standardised over the patches of each image first, channel by channel.
  public let standardizes: Bool

  /// Added to the deviation when predictions are standardised.
  private static let standardizeEpsilon: Float = 1e-4

  public init(_ configuration: ModelConfiguration) {
    temperature = Float(configuration.temperature)
    scale = Float(configuration.lossScale)
    standardizes = configuration.standardizePredictions
  }

  /// - Parameters:
  ///   - predictions: [B, T, C], T ≥ 2.
  ///   - targets: [B, T, C].
  /// - Returns: a single number.
  /// - Throws: `ShapeError`, `OutOfMemory`.
  func callAsFunction(_ predictions: Tensor, _ targets: Tensor) throws -> Tensor {
    let compared = standardizes ? try standardize(predictions, epsilon: Self.standardizeEpsilon) : predictions
    let contrast = try patchContrast(normalize(compared), normalize(targets), temperature: temperature)
    return try weightedSum([(scale * temperature, contrast)])
  }
}

extension ModelConfiguration {
  /// The loss of a model that cannot tell the targets of an image apart: lossScale · τ · ln T.
  public var chanceLoss: Double { lossScale * temperature * log(Double(numTarget)) }

  /// The loss of perfect predictions of targets spread as far from each other as T can be.
  public var floorLoss: Double {
    let others = Double(numTarget - 1)
    return lossScale * temperature * log(1 + others * exp(-Double(numTarget) / (others * temperature)))
  }
}
