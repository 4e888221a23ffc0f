import Compute
import Files
import LatentMIM

/// Told now and then, on the caller's thread, what a long evaluation does: `done` of `total`. Throwing ends the
/// evaluation.
public typealias EvaluationProgress = (_ what: String, _ done: Int, _ total: Int) throws -> Void

/// A way to score features: what it does with them, and which it takes unless told otherwise.
public protocol ScoringProtocol: Sendable {
  /// What configurations and results call it.
  static var name: String { get }
  /// How images become vectors unless told otherwise.
  static func features(for model: ModelConfiguration) -> FeatureProtocol
  /// With the defaults.
  init()
  /// Reads options over the defaults.
  ///
  /// - Throws: `JSONError`, `EvaluationError`.
  init(json: JSONCursor) throws

  /// Every option with its value.
  var options: JSONValue { get }
  /// What a table's row calls it: the name, and what of the options a reader must know.
  var label: String { get }
  /// The seeds its random numbers come from.
  var seeds: [Int] { get }
  /// Whether it learns from a training set.
  var learns: Bool { get }

  /// Whether it learns from the training set's images, anew in every epoch, and not from their features.
  var learnsFromImages: Bool { get }

  /// Refuses options that are out of range, or beyond a training set of this size: asked before features are computed.
  ///
  /// - Throws: `EvaluationError`.
  func check(trainingCount: Int) throws
  /// - Throws: `EvaluationError`, `OutOfMemory`, `Interrupted`, what `progress` throws.
  func score(train: LabelledFeatures?, test: LabelledFeatures, progress: EvaluationProgress) throws -> Score
  /// For protocols that learn from images.
  ///
  /// - Throws: `EvaluationError`, errors of the images and of the encoder, `Interrupted`, what `progress` throws.
  func score(_ images: TrainingImages, test: LabelledFeatures, progress: EvaluationProgress) throws -> Score
  /// The same protocol without what a training set of this size cannot give, for a suite.
  func reduced(toTraining count: Int) -> Self
  /// The same protocol with what depends on the size of the training set decided, for results.
  func resolved(forTraining count: Int) -> Self
}

/// A protocol that learns from a training set and is scored on a test set.
public protocol LearningProtocol: ScoringProtocol {
  func score(_ task: ClassificationTask, progress: EvaluationProgress) throws -> Score
}

extension ScoringProtocol {
  public var label: String { Self.name }
  public var seeds: [Int] { [] }
  public var learnsFromImages: Bool { false }
  public func reduced(toTraining count: Int) -> Self { self }
  public func resolved(forTraining count: Int) -> Self { self }

  public func score(
    _ images: TrainingImages, test: LabelledFeatures, progress: EvaluationProgress
  ) throws -> Score {
    throw Self.refused("images", "are none of its options")
  }

  /// - Throws: `EvaluationError` where a training set is missing or `check(trainingCount:)` refuses.
  func check(training count: Int?) throws {
    guard learns else { return }
    guard let count else { throw EvaluationError.noTrainingSet(scoring: Self.name) }
    try check(trainingCount: count)
  }

  /// The error for one of its options.
  static func refused(_ option: String, _ problem: String) -> EvaluationError {
    .option(scoring: name, name: option, problem: problem)
  }

  /// - Throws: `EvaluationError.option` where an option is outside its range, or NaN.
  static func require<Value: Comparable>(_ option: String, _ value: Value, in range: ClosedRange<Value>) throws {
    guard range.contains(value) else {
      throw refused(option, "is \(value), wanted \(range.lowerBound) … \(range.upperBound)")
    }
  }
}

extension LearningProtocol {
  public var learns: Bool { true }

  public func score(
    train: LabelledFeatures?, test: LabelledFeatures, progress: EvaluationProgress
  ) throws -> Score {
    try check(training: train?.count)
    guard let train else { throw EvaluationError.noTrainingSet(scoring: Self.name) }
    let task = try ClassificationTask(train: train, test: test)
    var score = try score(task, progress: progress)
    score.tell(task.classes)
    return score
  }
}

/// What a protocol found.
public struct Score: Equatable, Sendable {
  /// Top-1, 0 … 1; the mean where there are several runs.
  public var accuracy: Double
  /// The sample standard deviation over several runs.
  public var deviation: Double?
  /// The accuracies of which `accuracy` is one, or the mean, by name: one for each k, or each run.
  public var parts: [Part] = []
  /// The accuracies on the way, by epoch; empty where only the end is scored.
  public var history: [Part] = []
  /// [test images], the label predicted for each: of the last run where there are several; empty where none is.
  public var predictions: [Int]
  /// [test images], the image nearest to each; empty unless the protocol is about that.
  public var neighbors: [Int] = []
  /// The training loss of every step, run after run.
  public var losses: [Double] = []
  public var classCount = 0

  /// A named accuracy.
  public struct Part: Equatable, Sendable {
    public let name: String
    public let accuracy: Double
  }

  /// Takes over the number of classes, and turns predictions from their numbers to the training set's labels.
  mutating func tell(_ classes: ClassNumbers) {
    classCount = classes.count
    predictions = predictions.map { classes.labels[$0] }
  }

  init(
    accuracy: Double, deviation: Double? = nil, parts: [(String, Double)] = [], predictions: [Int] = [],
    losses: [Double] = []
  ) {
    (self.accuracy, self.deviation, self.predictions, self.losses) = (accuracy, deviation, predictions, losses)
    self.parts = parts.map { Part(name: $0, accuracy: $1) }
  }
}

extension JSONCursor {
  /// The choice with this name.
  ///
  /// - Throws: `JSONError`, `EvaluationError.option` listing the names there are.
  func choice<Choice: RawRepresentable<String> & CaseIterable>(_ scoring: String) throws -> Choice {
    let name = try string()
    if let choice = Choice(rawValue: name) { return choice }
    let known = Choice.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", ")
    throw EvaluationError.option(
      scoring: scoring, name: String(path.split(whereSeparator: { ". :".contains($0) }).last ?? ""),
      problem: "is '\(name)', wanted one of \(known)")
  }
}
