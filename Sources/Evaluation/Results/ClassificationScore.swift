import Compute
import Files

/// How many images were told their class.
public struct ClassificationScore: EvaluationScore, Equatable {
  /// Top-1, 0 … 1; the mean where there are several runs.
  public var accuracy: Double
  /// The sample standard deviation over several runs.
  public var deviation: Double?
  /// The accuracies of which `accuracy` is one, or the mean, by name: one for each k, or each run.
  public var parts: [Part] = []
  /// The accuracies on the way, by epoch; empty where only the end is scored.
  public var history: [Part] = []
  public var images: [Int]
  /// [scored], the training set's label predicted for each: of the last run where there are several.
  public var predictions: [Int]
  /// [scored], the image nearest to each; empty unless the protocol is about that.
  public var neighbors: [Int] = []
  /// The training loss of every step, run after run.
  public var losses: [Double] = []
  public var classCount: Int

  /// A named accuracy.
  public struct Part: Equatable, Sendable {
    public let name: String
    public let accuracy: Double
  }

  /// - Parameters:
  ///   - predictions: [scored], numbers of `classes`.
  ///   - images: [scored].
  init(
    accuracy: Double, deviation: Double? = nil, parts: [(String, Double)] = [], predictions: [Int], images: [Int],
    losses: [Double] = [], of classes: ClassNumbers
  ) {
    (self.accuracy, self.deviation, self.losses) = (accuracy, deviation, losses)
    self.parts = parts.map { Part(name: $0, accuracy: $1) }
    (self.images, classCount) = (images, classes.count)
    self.predictions = predictions.map { classes.labels[$0] }
  }

  /// - Parameter labels: [scored], the label predicted for each.
  init(accuracy: Double, labels: [Int], neighbors: [Int], images: [Int], classCount: Int) {
    (self.accuracy, predictions, self.neighbors) = (accuracy, labels, neighbors)
    (self.images, self.classCount) = (images, classCount)
  }

  public var columns: [ScoreColumn] { [ScoreColumn("top-1", accuracyText)] }

  private var accuracyText: String {
    if let deviation { return "\(percent(accuracy)) ± \(percent(deviation)) %" }
    guard parts.count > 1 else { return "\(percent(accuracy)) %" }
    return parts.map { "\(percent($0.accuracy)) % (\($0.name))" }.joined(separator: ", ")
  }

  public var json: [String: JSONValue] {
    func named(_ parts: [Part]) -> JSONValue {
      .array(parts.map { .array([.string($0.name), .number($0.accuracy)]) })
    }
    return [
      "accuracy": .number(accuracy), "deviation": deviation.map { .number($0) } ?? .null,
      "scores": named(parts), "history": named(history), "classes": .integer(classCount),
      "predictions": Evaluation.json(predictions), "neighbors": Evaluation.json(neighbors),
      "losses": .array(losses.map { .number($0) }),
    ]
  }
}
