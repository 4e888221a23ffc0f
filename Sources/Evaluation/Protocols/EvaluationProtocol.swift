import Compute
import Files
import Images
import LatentMIM

/// Told now and then, on the caller's thread, what a long evaluation does: `done` of `total`. Throwing ends the
/// evaluation.
public typealias EvaluationProgress = (_ what: String, _ done: Int, _ total: Int) throws -> Void

/// What describes a way to score an encoder: its name and options, and what a table's row says of it.
public protocol EvaluationProtocol: Configurable {
  /// What a table's row calls it: the name, and what of the options a reader must know.
  var label: String { get }
  /// The seeds its random numbers come from.
  var seeds: [Int] { get }
  /// Refuses options that do not go together, or not with a training set of this size: asked before features are
  /// computed.
  ///
  /// - Throws: `ConfigurationError`, `EvaluationError`.
  func check(trainingCount: Int) throws
  /// The same protocol with what depends on the size of the training set decided, for results.
  func resolved(forTraining count: Int) -> Self
}

/// One that scores what an encoder makes of images.
public protocol ScoringProtocol: EvaluationProtocol {
  /// How images become vectors unless told otherwise.
  static func features(for model: ModelConfiguration) -> FeatureProtocol
  /// What it needs, and how it scores that.
  var scoring: Scoring { get }
}

/// What a protocol needs, and how it scores that. Scoring throws `EvaluationError`, `OutOfMemory`, `Interrupted`, what
/// `progress` throws, and errors of images and encoder where it sees them.
public enum Scoring {
  /// The features of the test set.
  case test((LabelledFeatures, EvaluationProgress) throws -> any EvaluationScore)
  /// The features of a training set and of the test set.
  case sets((ClassificationTask, EvaluationProgress) throws -> any EvaluationScore)
  /// The images themselves, those of a training set and of the test set.
  case images((TrainingImages, any ImageDataset, EvaluationProgress) throws -> any EvaluationScore)
}

extension EvaluationProtocol {
  public var label: String { Self.name }
  public var seeds: [Int] { [] }
  public func resolved(forTraining count: Int) -> Self { self }
  public func check(trainingCount: Int) throws { try checkRanges() }

  /// Reads options over the defaults.
  ///
  /// - Throws: `JSONError`, `ConfigurationError`.
  public init(json: JSONCursor) throws {
    self.init()
    try apply(json)
  }

  /// - Throws: `ConfigurationError` where an option is outside a range that depends on other things.
  static func require<Value: Comparable>(_ option: String, _ value: Value, in range: ClosedRange<Value>) throws {
    guard range.contains(value) else {
      throw refused(option, "is \(value), wanted \(range.lowerBound) … \(range.upperBound)")
    }
  }

  /// The error for one of its options.
  static func refused(_ option: String, _ problem: String) -> ConfigurationError {
    ConfigurationError(option, problem, of: name)
  }
}

extension ScoringProtocol {
  /// - Throws: `EvaluationError.noTrainingSet` where it wants one, and as `check(trainingCount:)`.
  func check(training count: Int?) throws {
    if case .test = scoring { return try checkRanges() }
    guard let count else { throw EvaluationError.noTrainingSet(scoring: Self.name) }
    try check(trainingCount: count)
  }
}
