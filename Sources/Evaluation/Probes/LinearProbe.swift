import Compute
import Files
import LatentMIM

/// MAE's linear probe (`linear`, Table 8b): frozen features → batch normalisation without affine parameters → linear
/// classifier, LARS, linear warm-up from 0 and a half cosine to 0 by iteration; the last step's accuracy.
///
/// On cached features, the quick variant, or on augmented images: a random part and flip of every image in every epoch.
public struct LinearProbe: LearningProtocol {
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

  public init(json: JSONCursor) throws {
    let names = [
      "preset", "augment", "base_learning_rate", "batch_size", "epochs", "warmup_epochs", "momentum", "weight_decay",
      "trust_coefficient", "init_std", "seed",
    ]
    try json.refuseKeys(otherThan: names)
    preset = try json.optionalMember("preset")?.choice(Self.name)
    augment = try json.optionalMember("augment")?.bool() ?? augment
    baseLearningRate = try json.optionalMember("base_learning_rate")?.double()
    batchSize = try json.optionalMember("batch_size")?.int()
    epochs = try json.optionalMember("epochs")?.int()
    warmupEpochs = try json.optionalMember("warmup_epochs")?.double()
    momentum = try json.optionalMember("momentum")?.double() ?? momentum
    weightDecay = try json.optionalMember("weight_decay")?.double() ?? weightDecay
    trustCoefficient = try json.optionalMember("trust_coefficient")?.double() ?? trustCoefficient
    initStd = try json.optionalMember("init_std")?.double() ?? initStd
    seed = try json.optionalMember("seed")?.int() ?? seed
  }

  public var options: JSONValue {
    var options: [String: JSONValue] = [
      "augment": .bool(augment), "momentum": .number(momentum), "weight_decay": .number(weightDecay),
      "trust_coefficient": .number(trustCoefficient), "init_std": .number(initStd), "seed": .integer(seed),
    ]
    options["preset"] = preset.map { .string($0.rawValue) }
    options["base_learning_rate"] = baseLearningRate.map { .number($0) }
    options["batch_size"] = batchSize.map { .integer($0) }
    options["epochs"] = epochs.map { .integer($0) }
    options["warmup_epochs"] = warmupEpochs.map { .number($0) }
    return .object(options)
  }

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
    if let batchSize { try Self.require("batch_size", batchSize, in: 2...max(trainingCount, 2)) }
    if let epochs { try Self.require("epochs", epochs, in: 1...1_000_000) }
    let longest = Double(epochs ?? ProbeRecipe(self, count: trainingCount).epochs).nextDown
    if let warmupEpochs { try Self.require("warmup_epochs", warmupEpochs, in: 0...longest) }
    if let baseLearningRate { try Self.require("base_learning_rate", baseLearningRate, in: 0...1e6) }
    try Self.require("momentum", momentum, in: 0...1.0.nextDown)
    try Self.require("weight_decay", weightDecay, in: 0...1e6)
    try Self.require("trust_coefficient", trustCoefficient, in: 0...1e6)
    try Self.require("init_std", initStd, in: 0...1)
    try Self.require("seed", seed, in: 0...Int.max)
  }

  /// - Throws: `EvaluationError`, `OutOfMemory`, `Interrupted`, what `progress` throws.
  public func score(_ task: ClassificationTask, progress: EvaluationProgress) throws -> Score {
    guard !augment else { throw Self.refused("augment", "is true, but there are features only and no images") }
    let recipe = ProbeRecipe(self, count: task.train.count)
    let batches = try CachedBatches(
      task.train, rows: Array(0..<task.train.count), targets: task.trainClasses, batchSize: recipe.batchSize,
      seed: UInt64(seed))
    return try score(batches, recipe, classes: task.classes, test: task.test, progress: progress)
  }

  /// - Throws: `EvaluationError`, errors of the images and of the encoder, `OutOfMemory`, `Interrupted`, what
  ///   `progress` throws.
  public func score(
    _ images: TrainingImages, test: LabelledFeatures, progress: EvaluationProgress
  ) throws -> Score {
    let classes = try ClassNumbers(
      train: images.labels(), trainNames: images.dataset.classNames, test: test)
    let recipe = ProbeRecipe(self, count: images.dataset.count)
    let batches = try AugmentedBatches(
      images, classes: classes, batchSize: recipe.batchSize, epochs: recipe.epochs, seed: UInt64(seed))
    var score = try score(batches, recipe, classes: classes, test: test, progress: progress)
    score.tell(classes)
    return score
  }

  public var learnsFromImages: Bool { augment }

  private func score(
    _ batches: some ProbeBatches, _ recipe: ProbeRecipe, classes: ClassNumbers, test: LabelledFeatures,
    progress: EvaluationProgress
  ) throws -> Score {
    guard classes.count > 1 else { throw EvaluationError.oneClass(scoring: Self.name) }
    let training = ProbeTraining(
      name: Self.name, rule: .lars(trustCoefficient: trustCoefficient), momentum: momentum, weightDecay: weightDecay,
      initStd: initStd,
      seed: UInt64(seed), normalizes: true, steps: recipe.steps, rate: recipe.learningRate(step:))
    let probe = try training.fit(batches, classes: classes.count) { try progress(Self.name, $0, recipe.steps) }
    let predictions = try probe.predictions(test)
    return Score(accuracy: classes.accuracy(of: predictions), predictions: predictions, losses: probe.losses)
  }
}
