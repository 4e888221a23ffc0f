import Files

/// What one protocol found, and everything that must be said with the number.
public struct EvaluationResult: Sendable, CustomStringConvertible {
  /// "knn", and what of its options a reader must know.
  public let label: String
  public let scoring: any ScoringProtocol
  /// Where the features come from: layer, before or after the final norm or the projector, pooling.
  public let tap: String
  /// Images of the training set; nil where the protocol has none.
  public let trainCount: Int?
  public let testCount: Int
  /// [testCount], their indices in the data set: those that a folder skipped are left out.
  public let images: [Int]
  public let score: Score

  init(
    _ scoring: any ScoringProtocol, tap: String, trainCount: Int?, test: LabelledFeatures, score: Score
  ) {
    let decided = trainCount.map { scoring.resolved(forTraining: $0) } ?? scoring
    (self.scoring, label, self.tap, self.score) = (decided, decided.label, tap, score)
    self.trainCount = scoring.learns ? trainCount : nil
    (testCount, images) = (test.count, test.images)
  }

  /// A row of a table with the columns of `header`.
  public var description: String { "| \(cells.joined(separator: " | ")) |" }

  static let header = ["protocol", "features", "images", "seed", "top-1"]

  var cells: [String] {
    let counts = trainCount.map { "\($0) train, \(testCount) test images" } ?? "\(testCount) images"
    let seeds = scoring.seeds.map(String.init).joined(separator: ", ")
    return [label, tap, counts, seeds.isEmpty ? "–" : seeds, accuracyText]
  }

  private var accuracyText: String {
    if let deviation = score.deviation { return "\(percent(score.accuracy)) ± \(percent(deviation)) %" }
    guard score.parts.count > 1 else { return "\(percent(score.accuracy)) %" }
    return score.parts.map { "\(percent($0.accuracy)) % (\($0.name))" }.joined(separator: ", ")
  }

  /// Everything, for other languages.
  public var json: JSONValue {
    [
      "protocol": .string(type(of: scoring).name), "label": .string(label), "options": scoring.options,
      "tap": .string(tap), "train": trainCount.map { .integer($0) } ?? .null, "test": .integer(testCount),
      "classes": .integer(score.classCount), "seeds": list(scoring.seeds), "accuracy": .number(score.accuracy),
      "deviation": score.deviation.map { .number($0) } ?? .null,
      "scores": .array(score.parts.map { .array([.string($0.name), .number($0.accuracy)]) }),
      "history": .array(score.history.map { .array([.string($0.name), .number($0.accuracy)]) }),
      "images": list(images), "predictions": list(score.predictions), "neighbors": list(score.neighbors),
      "losses": .array(score.losses.map { .number($0) }), "row": .string(description),
    ]
  }
}

/// What a suite found: the results, and what did not apply, and why.
public struct EvaluationReport: Sendable, CustomStringConvertible {
  public let results: [EvaluationResult]
  public let leftOut: [LeftOut]

  /// A protocol that did not apply.
  public struct LeftOut: Sendable, Equatable {
    public let name: String
    public let reason: String
  }

  public init(results: [EvaluationResult], leftOut: [LeftOut] = []) {
    (self.results, self.leftOut) = (results, leftOut)
  }

  /// The table in Markdown, without a last line break, and a line for each protocol left out.
  public var markdown: String {
    let head = ["| \(EvaluationResult.header.joined(separator: " | ")) |", "|---|---|---|---|---|"]
    let rows = head + results.map(\.description)
    let rest = leftOut.map { "- \($0.name) left out: \($0.reason)" }
    return (rows + (rest.isEmpty ? [] : [""]) + rest).joined(separator: "\n")
  }

  public var description: String { markdown }

  /// Everything, for other languages.
  public var json: JSONValue {
    [
      "results": .array(results.map(\.json)), "markdown": .string(markdown),
      "left_out": .array(leftOut.map { .array([.string($0.name), .string($0.reason)]) }),
    ]
  }
}

private func list(_ numbers: [Int]) -> JSONValue { .array(numbers.map { .integer($0) }) }

/// "84.1" of 0.841.
private func percent(_ share: Double) -> String { "\((1000 * share).rounded() / 10)" }
