import Compute
import Files
import LatentMIM

/// The paper's score (`nn`): leave-one-out nearest neighbour inside the test set, by cosine.
public struct LeaveOneOut: ScoringProtocol {
  public static let name = "nn"

  public init() {}

  public init(json: JSONCursor) throws { try json.refuseKeys(otherThan: []) }

  public var options: JSONValue { .object([:]) }
  public var learns: Bool { false }
  public func check(trainingCount: Int) {}

  public static func features(for model: ModelConfiguration) -> FeatureProtocol { .nearestNeighbor(for: model) }

  public func score(
    train: LabelledFeatures?, test: LabelledFeatures, progress: EvaluationProgress
  ) throws -> Score {
    let found = try leaveOneOutNearestNeighbor(
      features: test.vectors.values, count: test.count, width: test.width, labels: test.labels)
    var score = Score(accuracy: found.accuracy, predictions: found.neighbors.map { test.labels[$0] })
    score.neighbors = found.neighbors.map { test.images[$0] }
    score.classCount = Set(test.labels).count
    return score
  }
}
