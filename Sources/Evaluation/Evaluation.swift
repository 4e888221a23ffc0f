import Compute
import Images
import LatentMIM

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
/// - Throws: `EvaluationError`, also for a protocol that wants images; `Interrupted`, what `progress` throws.
public func evaluate(
  train: LabelledFeatures?, test: LabelledFeatures, tap: String, _ scoring: any ScoringProtocol,
  progress: EvaluationProgress = { _, _, _ in }
) throws -> EvaluationResult {
  try scoring.check(training: train?.count)
  // Labels, classes, predictions and the report's text.
  try OutOfMemory.check(bytes: 256 * (test.count + (train?.count ?? 0)) + 4 << 20)
  switch scoring.scoring {
  case .test(let score): return EvaluationResult(scoring, tap: tap, trainCount: nil, score: try score(test, progress))
  case .sets(let score):
    guard let train else { throw EvaluationError.noTrainingSet(scoring: type(of: scoring).name) }
    let found = try score(ClassificationTask(train: train, test: test), progress)
    return EvaluationResult(scoring, tap: tap, trainCount: train.count, score: found)
  case .images: throw EvaluationError.noImages(scoring: scoring.label)
  }
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
    if case .images(let score) = entries[first].scoring.scoring, let train {
      left.removeFirst()
      try outcome(first, Result { try entries[first].result(encoder, train, test, score, progress) })
      continue
    }
    let pass = entries[first].features.pass
    let together = left.filter { !entries[$0].wantsImages && entries[$0].features.pass == pass }
    left.removeAll { together.contains($0) }
    let sets = try LabelledPass(
      pass, encoder, train: together.contains { entries[$0].wantsTraining } ? train : nil, test: test,
      poolings: together.map { entries[$0].features.pooling }, progress: progress)
    for index in together {
      let (entry, pair) = (entries[index], sets[entries[index].features.pooling])
      let tap = entry.features.description(for: encoder.configuration)
      try outcome(
        index, Result { try evaluate(train: pair.train, test: pair.test, tap: tap, entry.scoring, progress: progress) })
    }
  }
}

extension EvaluationEntry {
  fileprivate var wantsImages: Bool { if case .images = scoring.scoring { true } else { false } }
  fileprivate var wantsTraining: Bool { if case .sets = scoring.scoring { true } else { false } }

  fileprivate func result(
    _ encoder: Encoder, _ train: any ImageDataset, _ test: any ImageDataset,
    _ score: @escaping (TrainingImages, any ImageDataset, EvaluationProgress) throws -> any EvaluationScore,
    _ progress: EvaluationProgress
  ) throws -> EvaluationResult {
    let images = TrainingImages(encoder: encoder, dataset: train, features: features)
    return EvaluationResult(
      scoring, tap: features.description(for: encoder.configuration), trainCount: train.count,
      score: try score(images, test, progress))
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
