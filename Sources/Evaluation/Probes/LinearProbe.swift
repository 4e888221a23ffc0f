import Compute
import Files
import Images
import LatentMIM

/// MAE's linear probe (`linear`, Table 8b): frozen features → batch normalisation without affine parameters → linear
/// classifier, LARS, linear warm-up from 0 and a half cosine to 0 by iteration; the last step's accuracy.
///
/// On cached features, the quick variant, or on augmented images: a random part and flip of every image in every epoch.
public struct LinearProbe: ScoringProtocol {
  public static let name = "linear"

  /// Named settings; nil: `in100` for training sets as large as ImageNet-100 (126,689 images) or larger, else `small`.
  public var preset: LinearProbePreset?
  /// Whether every epoch sees other parts of the images.
  public var augment = false
  /// The learning rate is this times batch/256. nil here and below: the preset's.
  public var baseLearningRate: Double?
  /// A preset's is at most a sixteenth of the training set (but 32, and never more than it holds).
  public var batchSize: Int?
  public var epochs: Int?
  /// nil: the preset's, or a tenth of epochs that are given.
  public var warmupEpochs: Double?
  public var momentum = 0.9
  public var weightDecay = 0.0
  /// LARS: the share of its length by which a weight matrix changes at rate 1.
  public var trustCoefficient = 0.001
  /// Of the first weights.
  public var initStd = 0.01
  public var seed = 0

  public init() {}

  public init(_ preset: LinearProbePreset) { self.preset = preset }

  public static let options: [Option<Self>] = [
    Option("preset", \.preset, .optional(.choice)),
    Option("augment", \.augment, .flag),
    Option("base_learning_rate", \.baseLearningRate, .optional(.number(0...1e6))),
    Option("batch_size", \.batchSize, .optional(.integer(2...1_000_000_000))),
    Option("epochs", \.epochs, .optional(.integer(1...1_000_000))),
    Option("warmup_epochs", \.warmupEpochs, .optional(.number(0...1e6))),
    Option("momentum", \.momentum, .number(0...0.999999)),
    Option("weight_decay", \.weightDecay, .number(0...1e6)),
    Option("trust_coefficient", \.trustCoefficient, .number(0...1e6)),
    Option("init_std", \.initStd, .number(0...1)),
    Option("seed", \.seed, .integer(0...Int.max)),
  ]

  public var label: String {
    ["linear", preset?.rawValue, augment ? "augmented" : nil].compactMap { $0 }.joined(separator: ", ")
  }
  public var seeds: [Int] { [seed] }

  /// Top-10 mean of the patch tokens after the final norm, the paper's choice (A.2).
  public static func features(for model: ModelConfiguration) -> FeatureProtocol {
    var wanted = FeatureProtocol.nearestNeighbor(for: model)
    (wanted.tap.normed, wanted.pooling) = (true, .topKMean(k: min(10, model.numPatches)))
    return wanted
  }

  /// With everything decided that the preset and the size of the training set decide.
  public func resolved(forTraining count: Int) -> LinearProbe {
    let recipe = ProbeRecipe(self, count: count)
    var probe = self
    (probe.preset, probe.baseLearningRate, probe.batchSize) = (recipe.preset, recipe.baseLearningRate, recipe.batchSize)
    (probe.epochs, probe.warmupEpochs) = (recipe.epochs, recipe.warmupEpochs)
    return probe
  }

  public func check(trainingCount: Int) throws {
    try checkRanges()
    if let batchSize { try Self.require("batch_size", batchSize, in: 2...max(trainingCount, 2)) }
    let longest = Double(epochs ?? ProbeRecipe(self, count: trainingCount).epochs).nextDown
    if let warmupEpochs { try Self.require("warmup_epochs", warmupEpochs, in: 0...longest) }
  }

  public var scoring: Scoring { augment ? .images(score) : .sets(score) }

  private func score(_ task: ClassificationTask, progress: EvaluationProgress) throws -> ClassificationScore {
    let recipe = ProbeRecipe(self, count: task.train.count)
    let batches = try CachedBatches(
      task.train, rows: Array(0..<task.train.count), targets: task.trainClasses, batchSize: recipe.batchSize,
      seed: UInt64(seed))
    return try score(batches, recipe, classes: task.classes, test: task.test, progress: progress)
  }

  private func score(
    _ images: TrainingImages, _ test: any ImageDataset, progress: EvaluationProgress
  ) throws -> ClassificationScore {
    let features = try images.features.pass.labelled(
      images.encoder, test, set: "test", poolings: [images.features.pooling]
    ) {
      try progress("features of the test set", $0, test.count)
    }
    let classes = try ClassNumbers(
      train: images.labels(), trainNames: images.dataset.classNames, test: features[0])
    let recipe = ProbeRecipe(self, count: images.dataset.count)
    let batches = try AugmentedBatches(
      images, classes: classes, batchSize: recipe.batchSize, epochs: recipe.epochs, seed: UInt64(seed))
    return try score(batches, recipe, classes: classes, test: features[0], progress: progress)
  }

  private func score(
    _ batches: some ProbeBatches, _ recipe: ProbeRecipe, classes: ClassNumbers, test: LabelledFeatures,
    progress: EvaluationProgress
  ) throws -> ClassificationScore {
    guard classes.count > 1 else { throw EvaluationError.oneClass(scoring: Self.name) }
    let training = ProbeTraining(
      name: Self.name, rule: .lars(trustCoefficient: trustCoefficient), momentum: momentum, weightDecay: weightDecay,
      initStd: initStd,
      seed: UInt64(seed), normalizes: true, steps: recipe.steps, rate: recipe.learningRate(step:))
    let probe = try training.fit(batches, classes: classes.count) { try progress(Self.name, $0, recipe.steps) }
    let predictions = try probe.predictions(test)
    return ClassificationScore(
      accuracy: classes.accuracy(of: predictions), predictions: predictions, images: test.images, losses: probe.losses,
      of: classes)
  }
}
