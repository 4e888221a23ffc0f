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
  guard features.tap == FeatureProtocol.nearestNeighbor(for: encoder.configuration).tap else {
    throw FineTuning.refused("features", "are another layer's, wanted those of the last block before the final norm")
  }
  guard features.pooling != .cls || encoder.hasClassToken else {
    throw FineTuning.refused("features", "pool the class token, which this encoder does not have")
  }
  let labels = try images.labels()
  let all = try labelOnly(test, images: Array(0..<test.count))
  let classes = try ClassNumbers(train: labels, trainNames: train.classNames, test: all)
  guard classes.count > 1 else { throw EvaluationError.oneClass(scoring: FineTuning.name) }
  let tuner = try FineTuner(
    tuning, images, labels: labels.map { classes.number(ofTraining: $0) }, classes: classes.count)
  let recipe = tuner.recipe
  var score = Score(accuracy: 0, predictions: [])
  var scored: [Int] = []
  for step in 0..<recipe.steps {
    try Interruption.check()
    score.losses.append(try tuner.train(step: step))
    try progress(FineTuning.name, step + 1, recipe.steps)
    let epoch = (step + 1) / recipe.stepsPerEpoch
    guard (step + 1) % recipe.stepsPerEpoch == 0, epoch % recipe.evaluateEvery == 0 || epoch == recipe.epochs else {
      continue
    }
    let found = try tuner.predictions(test, features.framing)
    let right = zip(found.images, found.classes).count { classes.ofTest[$0] == $1 }
    score.accuracy = Double(right) / Double(max(found.images.count, 1))
    score.history.append(Score.Part(name: "epoch \(epoch)", accuracy: score.accuracy))
    (scored, score.predictions) = (found.images, found.classes)
  }
  score.tell(classes)
  let result = EvaluationResult(
    tuning, tap: features.description(for: encoder.configuration), trainCount: train.count,
    test: try labelOnly(test, images: scored), score: score)
  return (tuner.encoder, result)
}

/// A set of which labels are known and features are not.
private func labelOnly(_ dataset: any ImageDataset, images: [Int]) throws -> LabelledFeatures {
  guard let labels = dataset.labels else { throw EvaluationError.noLabels(set: "test") }
  return try LabelledFeatures(
    set: "test", vectors: Buffer(count: images.count, repeating: 0), count: images.count, width: 1,
    labels: images.map { labels[$0] }, classNames: dataset.classNames, images: images)
}
