import Compute
import Images
import Files
import LatentMIM

/// 16-shot transfer (`few_shot`, Table 7): a few images of each class are drawn, a linear classifier is trained on
/// their frozen features by SGD with momentum, and scored on the whole test set; mean and sample standard deviation
/// over the seeds.
///
/// The paper leaves open what is an option here: the schedule (cosine), weight decay (none), normalisation (batch
/// normalisation without affine parameters), the deviation of the first weights and, in `features`, the pooling (mean).
public struct FewShotTransfer: ScoringProtocol {
  public static let name = "few_shot"

  /// How the learning rate goes over a run.
  public enum Schedule: String, Sendable, CaseIterable {
    case cosine
    case constant
  }

  /// Images drawn of each class.
  public var shots = 16
  public var seeds = [1, 2, 3]
  public var learningRate = 0.1
  public var momentum = 0.9
  public var weightDecay = 0.0
  /// Fewer where fewer images are drawn.
  public var batchSize = 128
  public var iterations = 2500
  public var schedule = Schedule.cosine
  public var batchNorm = true
  public var initStd = 0.01

  public init() {}

  public static let options: [Option<Self>] = [
    Option("shots", \.shots, .integer(1...1_000_000_000)),
    Option("seeds", \.seeds, .list(.integer(0...Int.max))),
    Option("learning_rate", \.learningRate, .number(0...1e6)),
    Option("momentum", \.momentum, .number(0...0.999999)),
    Option("weight_decay", \.weightDecay, .number(0...1e6)),
    Option("batch_size", \.batchSize, .integer(2...1_000_000_000)),
    Option("iterations", \.iterations, .integer(1...1_000_000_000)),
    Option("schedule", \.schedule, .choice),
    Option("batch_norm", \.batchNorm, .flag),
    Option("init_std", \.initStd, .number(0...1)),
  ]

  public var label: String { "few_shot, \(shots) a class" }

  /// Mean of the patch tokens after the final norm.
  public static func features(for model: ModelConfiguration) -> FeatureProtocol {
    var wanted = FeatureProtocol.nearestNeighbor(for: model)
    wanted.tap.normed = true
    return wanted
  }

  public var scoring: Scoring { .sets(score) }

  private func score(_ task: ClassificationTask, progress: EvaluationProgress) throws -> ClassificationScore {
    guard task.classCount > 1 else { throw EvaluationError.oneClass(scoring: Self.name) }
    var (accuracies, predictions, losses): ([Double], [Int], [Double]) = ([], [], [])
    for (run, seed) in seeds.enumerated() {
      let rows = try draw(task, seed: UInt64(seed))
      let batches = try CachedBatches(
        task.train, rows: rows, targets: rows.map { task.trainClasses[$0] }, batchSize: min(batchSize, rows.count),
        seed: UInt64(seed))
      let training = ProbeTraining(
        name: Self.name, rule: .sgd, momentum: momentum, weightDecay: weightDecay, initStd: initStd,
        seed: UInt64(seed), normalizes: batchNorm, steps: iterations, rate: learningRate(step:))
      let probe = try training.fit(batches, classes: task.classCount) {
        try progress(Self.name, run * iterations + $0, seeds.count * iterations)
      }
      predictions = try probe.predictions(task.test)
      losses += probe.losses
      accuracies.append(task.classes.accuracy(of: predictions))
    }
    let (mean, deviation) = meanAndDeviation(accuracies)
    return ClassificationScore(
      accuracy: mean, deviation: deviation, parts: zip(seeds, accuracies).map { ("seed \($0)", $1) },
      predictions: predictions, images: task.test.images, losses: losses, of: task.classes)
  }

  /// The rows drawn of every class, class by class.
  ///
  /// - Throws: `EvaluationError.tooFewImages`.
  func draw(_ task: ClassificationTask, seed: UInt64) throws -> [Int] {
    do {
      return try drawFewShots(shots, classes: task.trainClasses, classCount: task.classCount, seed: seed) {
        task.train.name(ofClass: task.classes.labels[$0])
      }
    } catch let error as TooFewImages {
      throw EvaluationError.tooFewImages(className: error.className, count: error.count, wanted: error.wanted)
    }
  }

  func learningRate(step: Int) -> Double {
    switch schedule {
    case .constant: learningRate
    case .cosine: learningRate * halfCosine(at: Double(step) / Double(iterations))
    }
  }

  public func check(trainingCount: Int) throws {
    try checkRanges()
    guard !seeds.isEmpty else { throw Self.refused("seeds", "is empty, wanted a seed for each run") }
  }
}

/// The mean of some numbers, and their sample standard deviation where there are two or more.
private func meanAndDeviation(_ values: [Double]) -> (mean: Double, deviation: Double?) {
  let mean = values.reduce(0, +) / Double(values.count)
  guard values.count > 1 else { return (mean, nil) }
  let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
  return (mean, (squares / Double(values.count - 1)).squareRoot())
}
