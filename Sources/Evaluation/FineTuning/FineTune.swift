import Compute
import Images
import LatentMIM

/// Fine-tunes a copy of an encoder and scores it on a test set.
///
/// - Parameters:
///   - features: how images are framed and pooled; the tokens are those behind the last block, before the final norm.
///   - progress: told of every step.
/// - Returns: the trained encoder, without a projector, and the result.
/// - Throws: `EvaluationError`, errors of the images, `PrecisionError`, `PoolingError`, `OutOfMemory`, `Interrupted`,
///   what `progress` throws.
public func fineTune(
  _ encoder: Encoder, train: any ImageDataset, test: any ImageDataset, _ tuning: FineTuning = FineTuning(),
  features: FeatureProtocol? = nil, progress: EvaluationProgress = { _, _, _ in }
) throws -> (encoder: Encoder, result: EvaluationResult) {
  let features = features ?? FineTuning.features(for: encoder.configuration)
  let images = TrainingImages(encoder: encoder, dataset: train, features: features)
  try tuning.check(trainingCount: train.count)
  let (tuned, score) = try tuning.tuned(images, test, progress: progress)
  let tap = features.description(for: encoder.configuration)
  return (tuned, EvaluationResult(tuning, tap: tap, trainCount: train.count, score: score))
}

extension FineTuning {
  /// The trained copy of an encoder, and its score.
  func tuned(
    _ images: TrainingImages, _ test: any ImageDataset, progress: EvaluationProgress
  ) throws -> (encoder: Encoder, score: ClassificationScore) {
    try refuseFeatures(images.features, of: images.encoder)
    let (labels, names) = (try images.labels(), images.dataset.classNames)
    let classes = try ClassNumbers(train: labels, trainNames: names, test: labelOnly(test))
    guard classes.count > 1 else { throw EvaluationError.oneClass(scoring: Self.name) }
    let tuner = try FineTuner(
      self, images, labels: labels.map { classes.number(ofTraining: $0) }, classes: classes.count)
    let recipe = tuner.recipe
    var (losses, history): ([Double], [ClassificationScore.Part]) = ([], [])
    var found: (images: [Int], classes: [Int]) = ([], [])
    for step in 0..<recipe.steps {
      try Interruption.check()
      losses.append(try tuner.train(step: step))
      try progress(Self.name, step + 1, recipe.steps)
      let epoch = (step + 1) / recipe.stepsPerEpoch
      guard (step + 1) % recipe.stepsPerEpoch == 0, epoch % recipe.evaluateEvery == 0 || epoch == recipe.epochs else {
        continue
      }
      found = try tuner.predictions(test, images.features.framing)
      let right = zip(found.images, found.classes).count { classes.ofTest[$0] == $1 }
      let accuracy = Double(right) / Double(max(found.images.count, 1))
      history.append(ClassificationScore.Part(name: "epoch \(epoch)", accuracy: accuracy))
    }
    var score = ClassificationScore(
      accuracy: history.last?.accuracy ?? 0, predictions: found.classes, images: found.images, losses: losses,
      of: classes)
    score.history = history
    return (tuner.encoder, score)
  }

  /// - Throws: `ConfigurationError` where features are taken that fine-tuning does not train, or not kept apart by its
  ///   classifier.
  private func refuseFeatures(_ features: FeatureProtocol, of encoder: Encoder) throws {
    let usual = Self.features(for: encoder.configuration)
    guard features.tap == usual.tap, features.scaling == usual.scaling, features.stride == nil else {
      throw Self.refused(
        "features", "are another layer's or stride's, wanted those of the last block before the final norm")
    }
    guard features.precision == usual.precision else {
      throw Self.refused("features", "have a precision of their own, wanted the option 'precision' of fine_tune")
    }
    guard features.pooling != .cls || encoder.hasClassToken else {
      throw Self.refused("features", "pool the class token, which this encoder does not have")
    }
    guard features.pooling != .patches, features.pooling != .tokens else {
      throw Self.refused("features", "are not pooled, wanted one of the poolings")
    }
  }
}

/// A set of which labels are known and features are not.
private func labelOnly(_ dataset: any ImageDataset) throws -> LabelledFeatures {
  try LabelledFeatures(
    set: "test", vectors: Buffer(count: dataset.count, repeating: 0), count: dataset.count, width: 1,
    labels: dataset.labels, classNames: dataset.classNames)
}
