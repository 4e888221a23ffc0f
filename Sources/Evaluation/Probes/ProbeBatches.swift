import Compute
import Images
import LatentMIM
import Tensors

/// Where a probe's training batches come from, step after step.
protocol ProbeBatches {
  var width: Int { get }
  var batchSize: Int { get }
  /// Writes the next batch's features [batchSize, width]; returns its classes.
  mutating func next(into place: UnsafeMutablePointer<Float>) throws -> [Int]
}

/// Shuffled batches of features that are there; what does not fill a batch is left out of an epoch.
struct CachedBatches: ProbeBatches {
  private let features: LabelledFeatures
  private let rows: [Int]
  private let targets: [Int]
  private let plan: BatchPlan
  private var order: [Int] = []
  private var step = 0

  /// - Parameters:
  ///   - rows: of `features`, those that are used.
  ///   - targets: [rows], their classes.
  /// - Throws: `LoaderError`.
  init(_ features: LabelledFeatures, rows: [Int], targets: [Int], batchSize: Int, seed: UInt64) throws {
    (self.features, self.rows, self.targets) = (features, rows, targets)
    plan = try BatchPlan(count: rows.count, batchSize: batchSize, order: .shuffled, seed: seed)
  }

  var width: Int { features.width }
  var batchSize: Int { plan.batchSize }

  mutating func next(into place: UnsafeMutablePointer<Float>) -> [Int] {
    let (epoch, number) = step.quotientAndRemainder(dividingBy: plan.batchesPerEpoch)
    if number == 0 { order = plan.order(epoch: epoch) }
    step += 1
    let chosen = order[(number * batchSize)..<((number + 1) * batchSize)]
    features.gather(chosen.map { rows[$0] }, into: place)
    return chosen.map { targets[$0] }
  }
}

/// Images that a protocol learns from anew in every epoch.
public struct TrainingImages {
  public let encoder: Encoder
  public let dataset: any ImageDataset
  public let features: FeatureProtocol

  /// - Throws: `EvaluationError.noLabels`.
  func labels() throws -> [Int] {
    guard let labels = dataset.labels else { throw EvaluationError.noLabels(set: "training") }
    return labels
  }
}

/// The same batches as `CachedBatches`, of another part of every image in every epoch: MAE's crop, one draw of 8 … 100
/// % of the area and of the ratio cut to the image, and a flip half the time.
struct AugmentedBatches: ProbeBatches {
  let batchSize: Int
  private let images: TrainingImages
  private let labels: [Int]
  private let classes: ClassNumbers
  private let loader: Loader
  private let partsPerBatch: Int
  let width: Int

  /// Decoded images and their tokens are large: at most so many at once.
  private static let imagesAtOnce = 64

  /// - Throws: `EvaluationError`, `LoaderError`, `ImageError`.
  init(_ images: TrainingImages, classes: ClassNumbers, batchSize: Int, epochs: Int, seed: UInt64) throws {
    (self.images, self.classes, self.batchSize) = (images, classes, batchSize)
    labels = try images.labels()
    width = try images.features.width(of: images.encoder)
    let normalization = try images.encoder.configuration.normalization()
    let seen = try EvaluationTransform(images.features.framing, normalization: normalization)
    let augmentation = try Augmentation(
      height: seen.height, width: seen.width, crop: RandomResizedCrop(area: 0.08...1, mismatch: .clip),
      normalization: normalization)
    let most = (batchSize + Self.imagesAtOnce - 1) / Self.imagesAtOnce
    partsPerBatch = (most...batchSize).first { batchSize % $0 == 0 } ?? batchSize
    loader = try Loader(
      images.dataset, transform: .train(augmentation), batchSize: batchSize / partsPerBatch, order: .shuffled,
      seed: seed, batchesPerStep: partsPerBatch, epochs: 0..<epochs)
  }

  func next(into place: UnsafeMutablePointer<Float>) throws -> [Int] {
    var targets: [Int] = []
    var loaded = 0
    // All of several ranks load all images, which is the lesser part, and encode their own.
    func load(through number: Int) throws -> Batch? {
      var batch: Batch?
      while loaded <= number {
        batch = try loader.next()
        loaded += 1
      }
      return batch
    }
    try images.encoder.eachPart(of: partsPerBatch, work: 1) { number in
      guard let batch = try load(through: number) else { throw LoaderError.closed }
      let tokens = try images.encoder.features(
        Tensor(shape: batch.shape, buffer: batch.pixels), tap: images.features.tap, scaling: images.features.scaling,
        stride: images.features.stride, precision: images.features.precision)
      return EncodedImages(
        values: try images.features.pooling(tokens, of: images.encoder, tap: images.features.tap), images: batch.indices
      )
    } take: { _, found in
      (place + targets.count * width).update(from: found.values.pointer, count: found.values.count)
      targets += found.images.map { classes.number(ofTraining: labels[$0]) }
    }
    _ = try load(through: partsPerBatch - 1)
    return targets
  }
}
