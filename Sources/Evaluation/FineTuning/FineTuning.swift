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

  public static let options: [Option<Self>] = [
    Option("preset", \.preset, .optional(.choice)),
    Option("base_learning_rate", \.baseLearningRate, .optional(.number(0...1e6))),
    Option("batch_size", \.batchSize, .optional(.integer(1...1_000_000_000))),
    Option("epochs", \.epochs, .optional(.integer(1...1_000_000))),
    Option("warmup_epochs", \.warmupEpochs, .optional(.number(0...1e6))),
    Option("min_learning_rate", \.minLearningRate, .number(0...1e6)),
    Option("weight_decay", \.weightDecay, .number(0...1e6)),
    Option("layer_decay", \.layerDecay, .optional(.number(1e-6...1))),
    Option("crop_area", \.cropArea, .optional(.number(0.001...1))),
    Option("drop_path", \.dropPath, .number(0...0.999)),
    Option("label_smoothing", \.labelSmoothing, .number(0...1)),
    Option("mixup", \.mixup, .optional(.number(0...1000))),
    Option("cutmix", \.cutmix, .optional(.number(0...1000))),
    Option("switch_probability", \.switchProbability, .number(0...1)),
    Option("rand_augment", \.randAugment, .optional(.flag)),
    Option("erasing_probability", \.erasingProbability, .number(0...1)),
    Option("init_std", \.initStd, .number(0...1)),
    Option("precision", \.precision, .choice(except: [.int8])),
    Option("recompute", \.recompute, .flag),
    Option("evaluate_every", \.evaluateEvery, .optional(.integer(1...1_000_000))),
    Option("seed", \.seed, .integer(0...Int.max)),
  ]

  public var label: String { ["fine_tune", preset?.rawValue].compactMap { $0 }.joined(separator: ", ") }
  public var seeds: [Int] { [seed] }

  /// The mean of the patch tokens behind the last block; the classifier's own norm follows.
  public static func features(for model: ModelConfiguration) -> FeatureProtocol { .nearestNeighbor(for: model) }

  public var scoring: Scoring { .images { try tuned($0, $1, progress: $2).score } }

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
    try checkRanges()
    if let batchSize { try Self.require("batch_size", batchSize, in: 1...max(trainingCount, 1)) }
    let longest = Double(epochs ?? FineTuningRecipe(self, count: trainingCount).epochs).nextDown
    if let warmupEpochs { try Self.require("warmup_epochs", warmupEpochs, in: 0...longest) }
  }
}
