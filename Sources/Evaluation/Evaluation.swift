import Compute
import Files
import Images
import LatentMIM

/// One protocol on one kind of features.
public struct EvaluationEntry: Sendable {
  public var scoring: any ScoringProtocol
  public var features: FeatureProtocol

  /// - Parameter features: the protocol's own where not given.
  public init(_ scoring: any ScoringProtocol, for model: ModelConfiguration, features: FeatureProtocol? = nil) {
    self.scoring = scoring
    self.features = features ?? type(of: scoring).features(for: model)
  }

  /// The protocol on its own features, or what is nearest to them of this encoder.
  init(_ scoring: any ScoringProtocol, for encoder: Encoder) {
    let usual = type(of: scoring).features(for: encoder.configuration)
    self.init(scoring, for: encoder.configuration, features: usual.adapted(hasClassToken: encoder.hasClassToken))
  }

  /// Reads {"protocol": name, "options": {…}, "features": {…}}.
  ///
  /// - Parameter hasClassToken: whether the encoder has one; its protocols' own features make do without.
  /// - Throws: `JSONError`, `EvaluationError`, `PoolingError`, `ShapeError`.
  public init(json: JSONCursor, for model: ModelConfiguration, hasClassToken: Bool = true) throws {
    try json.refuseKeys(otherThan: ["protocol", "options", "features"])
    scoring = try scoringProtocol(json)
    let usual = type(of: scoring).features(for: model).adapted(hasClassToken: hasClassToken)
    features =
      try json.optionalMember("features").map { try FeatureProtocol(json: $0, for: model, over: usual) } ?? usual
  }

  fileprivate var pass: FeaturePass { FeaturePass(framing: features.framing, tap: features.tap) }
}

/// Every protocol there is.
public let scoringProtocols: [any ScoringProtocol.Type] = [
  LeaveOneOut.self, WeightedNeighbors.self, UniformNeighbors.self, LinearProbe.self, FewShotTransfer.self,
]

/// The protocol that {"protocol": name, "options": {…}} names.
///
/// - Throws: `JSONError`, `EvaluationError`.
public func scoringProtocol(_ json: JSONCursor) throws -> any ScoringProtocol {
  let name = try json.member("protocol").string()
  let options = try json.optionalMember("options")
  for type in scoringProtocols where type.name == name { return try read(type, options) }
  throw EvaluationError.unknownProtocol(name, known: scoringProtocols.map { $0.name })
}

private func read<Scoring: ScoringProtocol>(_ type: Scoring.Type, _ options: JSONCursor?) throws -> any ScoringProtocol
{
  if let options { try Scoring(json: options) } else { Scoring() }
}

/// Scores an encoder by several protocols. Every image goes through the encoder once for each framing and tap, however
/// many protocols and poolings share them.
///
/// - Parameters:
///   - train: what protocols learn from; nil where none does.
///   - test: what they are scored on.
/// - Throws: `EvaluationError`, errors of the data sets and of the encoder, `Interrupted`, what `progress` throws.
public func evaluate(
  _ encoder: Encoder, train: (any ImageDataset)?, test: any ImageDataset, _ entries: [EvaluationEntry],
  progress: EvaluationProgress = { _, _, _ in }
) throws -> [EvaluationResult] {
  var results: [Int: EvaluationResult] = [:]
  try score(encoder, train: train, test: test, entries, progress: progress) { results[$0] = try $1.get() }
  return entries.indices.compactMap { results[$0] }
}

/// Scores features that are there already.
///
/// - Parameter tap: what results say of where they come from.
/// - Throws: `EvaluationError`, `Interrupted`, what `progress` throws.
public func evaluate(
  train: LabelledFeatures?, test: LabelledFeatures, tap: String, _ scoring: any ScoringProtocol,
  progress: EvaluationProgress = { _, _, _ in }
) throws -> EvaluationResult {
  let score = try scoring.score(train: train, test: test, progress: progress)
  return EvaluationResult(scoring, tap: tap, trainCount: train?.count, test: test, score: score)
}

/// Extracts features pass by pass, and hands each entry's outcome over. What can be refused is refused before that.
func score(
  _ encoder: Encoder, train: (any ImageDataset)?, test: any ImageDataset, _ entries: [EvaluationEntry],
  progress: EvaluationProgress, outcome: (Int, Result<EvaluationResult, any Error>) throws -> Void
) throws {
  guard test.labels != nil else { throw EvaluationError.noLabels(set: "test") }
  if let train, train.labels == nil { throw EvaluationError.noLabels(set: "training") }
  var left: [Int] = []
  for (index, entry) in entries.enumerated() {
    do {
      try entry.scoring.check(training: train?.count)
      left.append(index)
    } catch { try outcome(index, .failure(error)) }
  }
  while let first = left.first {
    let pass = entries[first].pass
    let together = left.filter { entries[$0].pass == pass }
    left.removeAll { entries[$0].pass == pass }
    let isNeeded = together.contains { entries[$0].scoring.learns && !entries[$0].scoring.learnsFromImages }
    let sets = try LabelledPass(
      pass, encoder, train: isNeeded ? train : nil, test: test, poolings: together.map { entries[$0].features.pooling },
      progress: progress)
    for index in together {
      try outcome(index, Result { try entries[index].result(encoder, train, sets, progress) })
    }
  }
}

extension EvaluationEntry {
  fileprivate func result(
    _ encoder: Encoder, _ images: (any ImageDataset)?, _ sets: LabelledPass, _ progress: EvaluationProgress
  ) throws -> EvaluationResult {
    let (train, test) = sets[features.pooling]
    let tap = features.description(for: encoder.configuration)
    guard scoring.learnsFromImages, let images else {
      return try evaluate(train: train, test: test, tap: tap, scoring, progress: progress)
    }
    let score = try scoring.score(
      TrainingImages(encoder: encoder, dataset: images, features: features), test: test, progress: progress)
    return EvaluationResult(scoring, tap: tap, trainCount: images.count, test: test, score: score)
  }
}

/// The features of both sets in one pass, by pooling.
private struct LabelledPass {
  private let poolings: [Pooling]
  private let train: [LabelledFeatures]?
  private let test: [LabelledFeatures]

  init(
    _ pass: FeaturePass, _ encoder: Encoder, train: (any ImageDataset)?, test: any ImageDataset, poolings: [Pooling],
    progress: EvaluationProgress
  ) throws {
    var different: [Pooling] = []
    for pooling in poolings where !different.contains(pooling) { different.append(pooling) }
    func extract(_ dataset: any ImageDataset, _ set: String) throws -> [LabelledFeatures] {
      try pass.labelled(encoder, dataset, set: set, poolings: different) {
        try progress("features of the \(set) set", $0, dataset.count)
      }
    }
    self.poolings = different
    self.test = try extract(test, "test")
    self.train = try train.map { try extract($0, "training") }
  }

  subscript(pooling: Pooling) -> (train: LabelledFeatures?, test: LabelledFeatures) {
    let place = poolings.firstIndex(of: pooling) ?? 0
    return (train?[place], test[place])
  }
}
