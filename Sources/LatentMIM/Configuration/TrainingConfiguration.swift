import Files
import Tensors

/// How a model is trained. Names are those of configuration files and of Python.
public struct TrainingConfiguration: Sendable, Equatable {
  public var epochs = 800
  /// Images of one optimiser step.
  public var batchSize = 256
  /// Parts a step's images are computed in, one after the other; divides the batch size.
  public var accumulationSteps = 1
  /// The peak learning rate is this · batch size / 256.
  public var baseLearningRate = 1.5e-4
  /// The last learning rate, and the one warm-up starts at, as a share of the peak.
  public var finalLearningRate = 0.25
  /// Epochs of linear warm-up.
  public var warmupEpochs = 40.0
  public var weightDecay = 0.05
  /// The weight decay at the end, reached by a half cosine; nil: it stays.
  public var weightDecayEnd: Double?
  public var beta1 = 0.9
  public var beta2 = 0.95
  public var epsilon = 1e-8
  /// m₀; the momentum of the target encoder goes from it to its end, as the schedule says.
  public var targetMomentum = 0.99
  public var targetMomentumEnd = 1.0
  public var momentumSchedule = ScheduleShape.cosine
  /// γ of the similarity constraint falls from start to end by a half cosine.
  public var similarityStart = 0.75
  public var similarityEnd = 0.25
  /// RandomResizedCrop: share of the image's area, and width/height.
  public var cropArea = [0.2, 1.0]
  public var cropRatio = [3.0 / 4.0, 4.0 / 3.0]
  public var flip = true
  /// Whether JPEG files are decoded at a fraction of their size where the crop is larger than what is made of it.
  public var fastDecode = false
  public var seed = 0
  /// Threads that decode and crop images; 0: as many as the machine has cores.
  public var workers = 0
  /// What the operands of products are rounded to.
  public var precision = Precision.auto
  /// The same of targets that an encoder computes without gradient; nil: `precision`.
  public var targetPrecision: Precision?
  /// A run stops whose similarity between images is above this (1: never), or whose effective rank is below that (0:
  /// never), for so many steps in a row.
  public var collapseSimilarity = 1.0
  public var collapseRank = 0.0
  public var collapsePatience = 50
  /// Whether blocks are computed again for their gradient instead of keeping what is inside: less memory, more time,
  /// the same bits.
  public var recompute = false

  public init() {}

  /// The largest learning rate of the run.
  public var peakLearningRate: Double { baseLearningRate * Double(batchSize) / 256 }
}

extension TrainingConfiguration {
  /// Runs `body` at the run's precisions.
  ///
  /// - Throws: `PrecisionError`, and what `body` throws.
  func compute<Result>(dropoutPlan: DropoutPlan? = nil, _ body: () throws -> Result) throws -> Result {
    try precision.compute(
      targets: targetPrecision, recomputesBlocks: recompute, dropoutPlan: dropoutPlan, body)
  }
}

extension TrainingConfiguration: Configurable {
  public static let name = "training"
  public static let options: [Option<Self>] = [
    Option("epochs", \.epochs, .integer(1...1_000_000)),
    Option("batch_size", \.batchSize, .integer(1...1_000_000)),
    Option("accumulation_steps", \.accumulationSteps, .integer(1...1_000_000)),
    Option("base_learning_rate", \.baseLearningRate, .number(0...100)),
    Option("final_learning_rate", \.finalLearningRate, .number(0...1)),
    Option("warmup_epochs", \.warmupEpochs, .number(0...1_000_000)),
    Option("weight_decay", \.weightDecay, .number(0...10)),
    Option("weight_decay_end", \.weightDecayEnd, .optional(.number(0...10))),
    Option("beta1", \.beta1, .number(0...0.999999)),
    Option("beta2", \.beta2, .number(0...0.999999)),
    Option("epsilon", \.epsilon, .number(1e-12...1)),
    Option("target_momentum", \.targetMomentum, .number(0...1)),
    Option("target_momentum_end", \.targetMomentumEnd, .number(0...1)),
    Option("momentum_schedule", \.momentumSchedule, .choice),
    Option("similarity_start", \.similarityStart, .number(-1...1)),
    Option("similarity_end", \.similarityEnd, .number(-1...1)),
    Option("crop_area", \.cropArea, .list(.number(0.0001...1))),
    Option("crop_ratio", \.cropRatio, .list(.number(0.01...100))),
    Option("flip", \.flip, .flag),
    Option("fast_decode", \.fastDecode, .flag),
    Option("seed", \.seed, .integer(0...Int.max)),
    Option("workers", \.workers, .integer(0...256)),
    Option("precision", \.precision, .choice),
    Option("target_precision", \.targetPrecision, .optional(.choice(except: [.auto]))),
    Option("collapse_similarity", \.collapseSimilarity, .number(-1...1)),
    Option("collapse_rank", \.collapseRank, .number(0...100_000)),
    Option("collapse_patience", \.collapsePatience, .integer(1...1_000_000)),
    Option("recompute", \.recompute, .flag),
  ]

  /// Every option by its name.
  public var json: JSONValue { allOptions }

  /// Reads options over a preset. Warm-up, where it is not given, is a tenth of the epochs, 40 at most: 30 of 300, 40
  /// of 800 as published.
  ///
  /// - Throws: `ConfigurationError`, `JSONError`.
  public init(json: JSONCursor) throws {
    self.init(preset: try json.preset())
    try apply(json, also: ["preset"])
    if try json.optionalMember("warmup_epochs") == nil { warmupEpochs = Self.usualWarmup(epochs) }
    try validate()
  }

  /// Takes over the options that leave every step's numbers as they are.
  mutating func takeWhatChangesNothing(from other: TrainingConfiguration) {
    (workers, recompute) = (other.workers, other.recompute)
    (collapseSimilarity, collapseRank) = (other.collapseSimilarity, other.collapseRank)
    collapsePatience = other.collapsePatience
  }

  /// Takes over the epochs of a longer run, and the warm-up that follows from them unless it was chosen.
  mutating func extend(to longer: TrainingConfiguration) {
    let followsFromEpochs = warmupEpochs == Self.usualWarmup(epochs)
    epochs = longer.epochs
    if followsFromEpochs { warmupEpochs = Self.usualWarmup(epochs) }
  }

  /// A tenth of the epochs, 40 at most.
  private static func usualWarmup(_ epochs: Int) -> Double { min(40, Double(epochs) / 10) }

  /// Images that are computed at a time.
  func partSize(ranks: Int) -> Int { batchSize / (accumulationSteps * ranks) }

  /// - Throws: `ConfigurationError` where a batch does not divide into equal parts for so many ranks.
  func validate(ranks: Int) throws {
    guard batchSize % (accumulationSteps * ranks) != 0 else { return }
    let parts = accumulationSteps == 1 ? "" : " × accumulation_steps = \(accumulationSteps)"
    throw ConfigurationError("batch_size", "is \(batchSize), not divisible by \(ranks) ranks\(parts)")
  }

  /// - Throws: `ConfigurationError` where an option is out of its range or options do not go together.
  public func validate() throws {
    try checkRanges()
    guard batchSize % accumulationSteps == 0 else {
      throw ConfigurationError(
        "batch_size", "is \(batchSize), not divisible by accumulation_steps = \(accumulationSteps)")
    }
    guard warmupEpochs < Double(epochs) else {
      throw ConfigurationError("warmup_epochs", "is \(warmupEpochs) of \(epochs) epochs, wanted fewer")
    }
    if batchSize == 1, collapseSimilarity < 1 || collapseRank > 0 {
      let name = collapseSimilarity < 1 ? "collapse_similarity" : "collapse_rank"
      throw ConfigurationError(name, "compares the images of a batch, and batch_size is 1: wanted at least 2")
    }
    for (name, bounds) in [("crop_area", cropArea), ("crop_ratio", cropRatio)] {
      guard bounds.count == 2, bounds[0] <= bounds[1] else {
        throw ConfigurationError(name, "is \(bounds), wanted its least and its largest value")
      }
    }
  }
}
