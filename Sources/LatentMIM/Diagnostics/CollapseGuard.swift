import Compute

/// Mean cosines between images above this: they are as good as equal, and no rank says anything of them.
public let collapsedSimilarity = 0.98

/// Training that has collapsed: all images look alike to the model. The steps that showed it were taken.
public struct CollapseError: DescribedError {
  public let kind = ErrorKind.collapsed
  public let description: String
}

/// Stops a run whose images have looked alike for many steps in a row.
struct CollapseGuard {
  /// The largest mean cosine between images that is let pass; 1: any.
  let similarity: Double
  /// The least effective rank of images' mean tokens that is let pass; 0: any. Of images that look alike none is: what
  /// they differ in may be noise, which has a high rank.
  let rank: Double
  /// Steps in a row that are one too many.
  let patience: Int
  /// Steps in a row, the last one included, that crossed a threshold.
  private(set) var streak = 0

  init(_ configuration: TrainingConfiguration) {
    (similarity, rank) = (configuration.collapseSimilarity, configuration.collapseRank)
    patience = configuration.collapsePatience
  }

  /// What a step crosses, in words; nil where it crosses nothing. What could not be measured crosses nothing.
  func crossing(_ metrics: BatchMetrics) -> String? {
    if similarity < 1, metrics.similarityImages > similarity {
      return "the similarity between images is \(metrics.similarityImages), above collapse_similarity = \(similarity)"
    }
    if rank > 0, metrics.effectiveRank < rank {
      return "the effective rank is \(metrics.effectiveRank), below collapse_rank = \(rank)"
    }
    if rank > 0, similarity == 1, metrics.similarityImages > collapsedSimilarity {
      let what = "the similarity between images is \(metrics.similarityImages), above \(collapsedSimilarity)"
      return "\(what), so that their effective rank (collapse_rank = \(rank)) says nothing"
    }
    return nil
  }

  /// To be told of every step.
  ///
  /// - Throws: `CollapseError` at the last of `patience` steps in a row; counting begins anew then.
  mutating func check(_ metrics: BatchMetrics, step: Int) throws {
    guard let crossing = crossing(metrics) else { return streak = 0 }
    streak += 1
    guard streak >= patience else { return }
    streak = 0
    throw CollapseError(
      description: "step \(step): \(crossing), for \(patience) steps in a row: training has collapsed")
  }
}
