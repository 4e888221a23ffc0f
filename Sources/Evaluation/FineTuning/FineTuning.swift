import Compute
import Files
import LatentMIM

/// Named settings of fine-tuning.
public enum FineTuningPreset: String, Sendable, CaseIterable {
  /// Table 8c, ImageNet-100: base rate 1e-3, batches of 1024, 50 epochs, 5 of them warm-up.
  case in100
  /// Table 8c, ImageNet-1k: base rate 5e-4, batches of 1024, 100 epochs, 10 of them warm-up.
  case in1k
  /// Milder, for small sets and encoders, which the published regularisation keeps from learning in the time there is:
  /// crops of half the area at least, no RandAugment, no mixing; batches of a sixteenth of the set (16 … 128), a peak
  /// rate of 1e-3 with layer-wise decay .75, and some 3000 steps in 10 … 100 epochs.
  case small
}

/// Fine-tuning (`fine_tune`, Table 8c): a copy of the encoder and a linear classifier on its pooled, normalised tokens
/// are trained by AdamW on augmented and mixed images; the last epoch's accuracy.
public struct FineTuning: ScoringProtocol {
  public static let name = "fine_tune"

  /// nil: `in100` for training sets of 16384 images or more, else `small`.
  public var preset: FineTuningPreset?
  /// The peak learning rate is this times batch/256. nil here and below: the preset's.
  public var baseLearningRate: Double?
  public var batchSize: Int?
  public var epochs: Int?
  /// nil: the preset's, or a tenth of epochs that are given.
  public var warmupEpochs: Double?
  /// Behind the last epoch.
  public var minLearningRate = 1e-6
  public var weightDecay = 0.05
  /// The learning rate of block i of d is multiplied by this to the power d + 1 − i: 1 is none, .65 and .75 are usual.
  public var layerDecay: Double?
  /// The least share of an image's area that a crop takes.
  public var cropArea: Double?
  /// Of the last block; it grows linearly from 0.
  public var dropPath = 0.1
  public var labelSmoothing = 0.1
  /// α of mixup and of cutmix, 0: without (nil: 0.8 and 1, or the preset's); and how often a batch is mixed the second
  /// way where there are both.
  public var mixup: Double?
  public var cutmix: Double?
  public var switchProbability = 0.5
  /// Whether crops go through `rand-m9-mstd0.5-inc1`.
  public var randAugment: Bool?
  /// The share of images of which a part is replaced by noise.
  public var erasingProbability = 0.0
  /// Of the classifier's first weights.
  public var initStd = 2e-5
  public var precision = Precision.auto
  /// Whether blocks are computed again for gradients: less memory, a third more time.
  public var recompute = false
  /// Epochs between two scores of the test set; nil: a tenth of all. The last epoch is always scored.
  public var evaluateEvery: Int?
  public var seed = 0

  public init() {}

  public init(_ preset: FineTuningPreset) { self.preset = preset }

  public init(json: JSONCursor) throws {
    let names = [
      "preset", "base_learning_rate", "batch_size", "epochs", "warmup_epochs", "min_learning_rate", "weight_decay",
      "layer_decay", "crop_area", "drop_path", "label_smoothing", "mixup", "cutmix", "switch_probability",
      "rand_augment", "erasing_probability",
      "init_std", "precision", "recompute", "evaluate_every", "seed",
    ]
    try json.refuseKeys(otherThan: names)
    func number(_ name: String, _ usual: Double) throws -> Double {
      try json.optionalMember(name)?.double() ?? usual
    }
    preset = try json.optionalMember("preset")?.choice(Self.name)
    baseLearningRate = try json.optionalMember("base_learning_rate")?.double()
    batchSize = try json.optionalMember("batch_size")?.int()
    epochs = try json.optionalMember("epochs")?.int()
    warmupEpochs = try json.optionalMember("warmup_epochs")?.double()
    layerDecay = try json.optionalMember("layer_decay")?.double()
    cropArea = try json.optionalMember("crop_area")?.double()
    evaluateEvery = try json.optionalMember("evaluate_every")?.int()
    (minLearningRate, weightDecay) = (
      try number("min_learning_rate", minLearningRate), try number("weight_decay", weightDecay)
    )
    (dropPath, labelSmoothing) = (try number("drop_path", dropPath), try number("label_smoothing", labelSmoothing))
    mixup = try json.optionalMember("mixup")?.double()
    cutmix = try json.optionalMember("cutmix")?.double()
    switchProbability = try number("switch_probability", switchProbability)
    (erasingProbability, initStd) = (
      try number("erasing_probability", erasingProbability), try number("init_std", initStd)
    )
    randAugment = try json.optionalMember("rand_augment")?.bool()
    recompute = try json.optionalMember("recompute")?.bool() ?? recompute
    precision = try json.optionalMember("precision")?.choice(Self.name) ?? precision
    seed = try json.optionalMember("seed")?.int() ?? seed
  }

  public var options: JSONValue {
    var options: [String: JSONValue] = [
      "min_learning_rate": .number(minLearningRate), "weight_decay": .number(weightDecay),
      "drop_path": .number(dropPath), "label_smoothing": .number(labelSmoothing),
      "switch_probability": .number(switchProbability),
      "erasing_probability": .number(erasingProbability), "init_std": .number(initStd),
      "precision": .string(precision.rawValue),
      "recompute": .bool(recompute), "seed": .integer(seed),
    ]
    options["preset"] = preset.map { .string($0.rawValue) }
    options["base_learning_rate"] = baseLearningRate.map { .number($0) }
    options["batch_size"] = batchSize.map { .integer($0) }
    options["epochs"] = epochs.map { .integer($0) }
    options["warmup_epochs"] = warmupEpochs.map { .number($0) }
    options["layer_decay"] = layerDecay.map { .number($0) }
    options["mixup"] = mixup.map { .number($0) }
    options["cutmix"] = cutmix.map { .number($0) }
    options["rand_augment"] = randAugment.map { .bool($0) }
    options["crop_area"] = cropArea.map { .number($0) }
    options["evaluate_every"] = evaluateEvery.map { .integer($0) }
    return .object(options)
  }

  public var label: String { ["fine_tune", preset?.rawValue].compactMap { $0 }.joined(separator: ", ") }
  public var seeds: [Int] { [seed] }
  public var learns: Bool { true }
  public var learnsFromImages: Bool { true }

  /// The mean of the patch tokens behind the last block; the classifier's own norm follows.
  public static func features(for model: ModelConfiguration) -> FeatureProtocol { .nearestNeighbor(for: model) }

  public func score(
    train: LabelledFeatures?, test: LabelledFeatures, progress: EvaluationProgress
  ) throws -> Score {
    throw Self.refused("images", "are wanted, there are features only")
  }

  /// With everything decided that the preset and the size of the training set decide.
  public func resolved(forTraining count: Int) -> FineTuning {
    let recipe = FineTuningRecipe(self, count: count)
    var tuning = self
    (tuning.preset, tuning.baseLearningRate, tuning.batchSize) = (recipe.preset, recipe.baseRate, recipe.batchSize)
    (tuning.epochs, tuning.warmupEpochs, tuning.layerDecay) = (recipe.epochs, recipe.warmupEpochs, recipe.layerDecay)
    (tuning.mixup, tuning.cutmix, tuning.randAugment) = (recipe.mixup, recipe.cutmix, recipe.randAugment)
    (tuning.cropArea, tuning.evaluateEvery) = (recipe.cropArea, recipe.evaluateEvery)
    return tuning
  }

  public func check(trainingCount: Int) throws {
    if let batchSize { try Self.require("batch_size", batchSize, in: 1...max(trainingCount, 1)) }
    if let epochs { try Self.require("epochs", epochs, in: 1...1_000_000) }
    if let evaluateEvery { try Self.require("evaluate_every", evaluateEvery, in: 1...1_000_000) }
    let longest = Double(epochs ?? FineTuningRecipe(self, count: trainingCount).epochs).nextDown
    if let warmupEpochs { try Self.require("warmup_epochs", warmupEpochs, in: 0...longest) }
    if let baseLearningRate { try Self.require("base_learning_rate", baseLearningRate, in: 0...1e6) }
    if let layerDecay { try Self.require("layer_decay", layerDecay, in: Double.leastNonzeroMagnitude...1) }
    if let cropArea { try Self.require("crop_area", cropArea, in: 0.001...1) }
    try Self.require("min_learning_rate", minLearningRate, in: 0...1e6)
    try Self.require("weight_decay", weightDecay, in: 0...1e6)
    try Self.require("drop_path", dropPath, in: 0...0.999)
    try Self.require("label_smoothing", labelSmoothing, in: 0...1)
    if let mixup { try Self.require("mixup", mixup, in: 0...1000) }
    if let cutmix { try Self.require("cutmix", cutmix, in: 0...1000) }
    try Self.require("switch_probability", switchProbability, in: 0...1)
    try Self.require("erasing_probability", erasingProbability, in: 0...1)
    try Self.require("init_std", initStd, in: 0...1)
    try Self.require("seed", seed, in: 0...Int.max)
  }
}
