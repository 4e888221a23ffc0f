import Tensors

/// What predictions are held against targets with (§3.4, Table 2).
public enum ObjectiveKind: String, Sendable, CaseIterable {
  case patchDiscrimination = "patch_discrimination"
  /// Squared error to targets standardised patch by patch.
  case normalizedMSE = "normalized_mse"
  case mse
  case l1
  case huber
  /// Eq. 6 as printed: the norms of a patch's whole difference decide and count.
  case huberVector = "huber_vector"
  /// Huber's divided by δ.
  case smoothL1 = "smooth_l1"
}

/// What holds predictions against targets; one for each `ObjectiveKind`.
protocol Objective {
  /// - Parameter predictions: [B, T, width of the targets].
  /// - Returns: a single number.
  /// - Throws: `ShapeError`, `OutOfMemory`.
  func callAsFunction(_ predictions: Tensor, _ targets: Targets) throws -> Tensor

  /// The loss of a model that knows nothing of the patches, and that of perfect predictions of targets as different as
  /// they can be.
  var bounds: LossBounds { get }
}

/// What a loss is read by; nan where it depends on how targets lie.
public struct LossBounds: Sendable, Equatable {
  public var chance: Double
  public var floor: Double
}

extension ModelConfiguration {
  var objectiveFunction: any Objective {
    switch objective {
    case .patchDiscrimination: PatchDiscrimination(self)
    case .normalizedMSE: NormalizedMSE(width: targetWidth)
    case .mse: Regression(deviation: .squared)
    case .l1: Regression(deviation: .absolute)
    case .huber: Regression(deviation: .huber(delta: Float(huberDelta)))
    case .huberVector: Regression(deviation: .huberVector(delta: Float(huberDelta)))
    case .smoothL1: Regression(deviation: .huber(delta: Float(huberDelta)), scale: Float(1 / huberDelta))
    }
  }

  /// What the loss, the similarity constraint aside, is read by.
  public var lossBounds: LossBounds { objectiveFunction.bounds }
}
