/// Where a loss stands between knowing nothing and perfection, and what that means.
public struct LossDiagnosis: Sendable, Equatable {
  public let bounds: LossBounds
  /// 1 at chance, 0 at the floor; nan where the objective has no such level.
  public let position: Double
  /// What it means, in a sentence or two.
  public let meaning: String
}

extension ModelConfiguration {
  /// Reads a loss: the objective's share of it, for which there are bounds. Where only the whole is known
  /// (`objectiveLoss` is nan) and has other terms, there is nothing to compare.
  ///
  /// - Parameter metrics: of a step, or means over several.
  public func diagnosis(of metrics: BatchMetrics) -> LossDiagnosis {
    let bounds = lossBounds
    let hasOtherTerms = similarityCoefficient > 0 || contrastCoefficient > 0
    let loss = metrics.objectiveLoss.isNaN && !hasOtherTerms ? metrics.loss : metrics.objectiveLoss
    let position = (loss - bounds.floor) / (bounds.chance - bounds.floor)
    return LossDiagnosis(
      bounds: bounds, position: position, meaning: Self.meaning(position, metrics, hasLevel: !bounds.chance.isNaN))
  }

  private static func meaning(_ position: Double, _ metrics: BatchMetrics, hasLevel: Bool) -> String {
    guard metrics.loss.isFinite else {
      return
        "The loss is \(metrics.loss): training has diverged. Go back to an earlier checkpoint, with a smaller learning rate."
    }
    if metrics.similarityImages > collapsedSimilarity {
      return "Collapse: all images look alike to the encoder (similarity between images \(metrics.similarityImages)), "
        + "however small the loss is."
    }
    if metrics.similarityTargets > collapsedSimilarity {
      return
        "The targets of an image are nearly equal (similarity \(metrics.similarityTargets)): there is nothing left to tell "
        + "apart or to predict."
    }
    switch position {
    case 1.05...:
      return
        "Worse than chance: predictions mislead. So many a run begins; one that stays here has a learning rate that is too "
        + "low, and does not move, or too high."
    case 0.95..<1.05:
      return
        "At chance: predictions say nothing of the patches. So every run begins; one that stays here does not learn."
    case 0.6..<0.95: return "Learning has begun: predictions tell some patches from others."
    case 0.15..<0.6: return "Learning well: predictions tell most patches apart."
    case ..<0.15:
      return
        "Near the floor: hardly anything is left to predict. The task may be too easy: mask more, or widen the gap."
    case _ where hasLevel:
      return
        "The loss has other terms than the objective's, and 'objective_loss' is not among the metrics: nothing says how it "
        + "stands to chance. Read the similarities and the rank instead."
    default:
      return
        "This objective has no chance level: its targets decide how large it is. Read the similarities and the rank instead."
    }
  }
}
