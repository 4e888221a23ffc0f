import Compute
import Files

/// What one protocol found, and everything that must be said with the number.
public struct EvaluationResult: Sendable, CustomStringConvertible {
  /// The protocol, with what the size of the training set decides.
  public let scoring: any EvaluationProtocol
  /// Where the features come from: layer, before or after the final norm or the projector, pooling.
  public let tap: String
  /// Images of the training set; nil where the protocol has none.
  public let trainCount: Int?
  public let score: any EvaluationScore

  /// - Parameter trainCount: nil where the protocol has no training set.
  public init(_ scoring: any EvaluationProtocol, tap: String, trainCount: Int?, score: any EvaluationScore) {
    self.scoring = trainCount.map { scoring.resolved(forTraining: $0) } ?? scoring
    (self.tap, self.trainCount, self.score) = (tap, trainCount, score)
  }

  public var label: String { scoring.label }
  public var testCount: Int { score.images.count }
  /// The score of a protocol that tells classes; nil of others.
  public var classification: ClassificationScore? { score as? ClassificationScore }

  /// A row of a table with the columns of `header`.
  public var description: String { markdownRow(cells) }

  var header: [String] { ["protocol", "features", "images", "seed"] + score.columns.map(\.name) }

  private var cells: [String] {
    let counts = trainCount.map { "\($0) train, \(testCount) test images" } ?? "\(testCount) images"
    let seeds = scoring.seeds.map(String.init).joined(separator: ", ")
    return [label, tap, counts, seeds.isEmpty ? "–" : seeds] + score.columns.map(\.text)
  }

  /// Everything, for other languages.
  public var json: JSONValue {
    let common: [String: JSONValue] = [
      "protocol": .string(type(of: scoring).name), "label": .string(label), "options": scoring.allOptions,
      "tap": .string(tap), "train": trainCount.map { .integer($0) } ?? .null, "test": .integer(testCount),
      "seeds": Evaluation.json(scoring.seeds), "images": Evaluation.json(score.images), "row": .string(description),
      "markdown": .string(EvaluationReport(results: [self]).markdown),
    ]
    return .object(common.merging(score.json) { common, _ in common })
  }
}
