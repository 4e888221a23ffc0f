import Files
import LatentMIM

/// The paper's score (`nn`): leave-one-out nearest neighbour inside the test set, by cosine.
public struct LeaveOneOut: ScoringProtocol {
  public static let name = "nn"

  public static let options: [Option<Self>] = []

  public init() {}

  public static func features(for model: ModelConfiguration) -> FeatureProtocol { .nearestNeighbor(for: model) }

  public var scoring: Scoring {
    .test { test, _ in
      guard test.count > 1 else { throw EvaluationError.oneImage }
      let found = try nearestNeighbors(among: test, k: 1)
      let neighbors = (0..<test.count).map { Int(found.rows(of: $0)[0]) }
      let right = neighbors.indices.count { test.labels[neighbors[$0]] == test.labels[$0] }
      return ClassificationScore(
        accuracy: Double(right) / Double(test.count), labels: neighbors.map { test.labels[$0] },
        neighbors: neighbors.map { test.images[$0] }, images: test.images, classCount: Set(test.labels).count)
    }
  }
}
