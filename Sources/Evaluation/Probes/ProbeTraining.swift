import Compute

/// How a linear classifier is trained on frozen features.
struct ProbeTraining {
  /// What errors and progress call it.
  var name: String
  var rule: MomentumOptimizer.Rule
  var momentum: Double
  var weightDecay: Double
  /// The standard deviation of the first weights.
  var initStd: Double
  var seed: UInt64
  /// Whether features are batch-normalised.
  var normalizes: Bool
  var steps: Int
  /// The learning rate of a step, counted from 0.
  var rate: (Int) -> Double

  /// Trains on batch after batch.
  ///
  /// - Parameter progress: told of every step's number.
  /// - Throws: `EvaluationError.diverged`, errors of the batches, `OutOfMemory`, `Interrupted`, what `progress` throws.
  func fit(_ batches: some ProbeBatches, classes: Int, progress: (Int) throws -> Void) throws -> FittedProbe {
    var batches = batches
    let (rows, width) = (batches.batchSize, batches.width)
    let classifier = try LinearClassifier(classes: classes, width: width, initStd: initStd, seed: seed)
    let optimizer = try MomentumOptimizer(rule, for: classifier, momentum: momentum, weightDecay: weightDecay)
    let gradient = try LinearGradient(for: classifier)
    let norm = normalizes ? try FeatureNorm(width: width) : nil
    let batch = try Buffer(count: rows * width)
    var losses: [Double] = []
    for step in 0..<steps {
      try Interruption.check()
      let targets = try batches.next(into: batch.pointer)
      norm?.train(batch.pointer, rows: rows)
      let loss = try classifier.loss(batch, targets: targets, into: gradient)
      guard loss.isFinite else {
        throw EvaluationError.diverged(scoring: name, step: step, learningRate: rate(step))
      }
      losses.append(loss)
      optimizer.update(classifier, gradient, learningRate: rate(step))
      try progress(step + 1)
    }
    return FittedProbe(norm: norm, classifier: classifier, losses: losses)
  }
}

/// A trained classifier and what its features go through.
struct FittedProbe {
  let norm: FeatureNorm?
  let classifier: LinearClassifier
  /// Of every step.
  let losses: [Double]

  private static let rowsAtOnce = 1024

  /// The class of every row.
  ///
  /// - Throws: `OutOfMemory`, `Interrupted`.
  func predictions(_ features: LabelledFeatures) throws -> [Int] {
    let rows = try Buffer(count: min(Self.rowsAtOnce, features.count) * features.width)
    return try stride(from: 0, to: features.count, by: Self.rowsAtOnce).flatMap { first in
      try Interruption.check()
      let count = min(Self.rowsAtOnce, features.count - first)
      features.gather(Array(first..<(first + count)), into: rows.pointer)
      norm?.evaluate(rows.pointer, rows: count)
      return try classifier.predictions(rows.pointer, rows: count)
    }
  }
}
