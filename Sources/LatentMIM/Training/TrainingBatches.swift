import Compute
import Images
import Tensors

/// The crops of a run's steps, loaded ahead; where a model wants a second image of each, a second loader goes in step
/// with the first.
final class TrainingBatches {
  private let dataset: any ImageDataset
  private let configuration: TrainingConfiguration
  private let ranks: Ranks?
  /// What training sees of an image, and the other image of it, where there is one.
  private let augmentations: [Augmentation]
  private var loaders: [Loader] = []
  /// Batches that are loaded while one is used.
  let ahead = 1

  /// - Throws: `ConfigurationError`, `ImageError`.
  init(
    _ dataset: any ImageDataset, _ configuration: TrainingConfiguration, for model: ModelConfiguration,
    _ ranks: Ranks? = nil
  ) throws {
    (self.dataset, self.configuration, self.ranks) = (dataset, configuration, ranks)
    try configuration.validate(ranks: ranks?.size ?? 1)
    let first = try configuration.augmentation(for: model)
    var other = first
    if model.targetView == .recolored {
      other.levels = Recoloring()
      augmentations = [first, other]
    } else if model.contrastCoefficient > 0 {
      other.purpose = .secondCrop
      augmentations = [first, other]
    } else {
      augmentations = [first]
    }
  }

  /// Images that are loaded for each of the data set's.
  var imagesOfEach: Int { augmentations.count }

  /// The next part of a batch, from the one that `begin` gives on where nothing is loaded ahead: (epoch, number of the
  /// part in it). Loading ends before epoch `end`.
  ///
  /// - Throws: errors of the data set, `LoaderError`, `OutOfMemory`, `Interrupted`.
  func next(from begin: (epoch: Int, part: Int), until end: Int) throws -> LoadedCrops {
    if loaders.isEmpty { loaders = try augmentations.map { try loader($0, from: begin, until: end) } }
    let batches = try loaders.map { loader in
      guard let batch = try loader.next() else { throw LoaderError.closed }
      return batch
    }
    return LoadedCrops(batches: batches)
  }

  /// Forgets what was loaded ahead.
  func rewind() { loaders = [] }

  private func loader(
    _ augmentation: Augmentation, from begin: (epoch: Int, part: Int), until end: Int
  ) throws -> Loader {
    try Loader(
      dataset, transform: .train(augmentation), batchSize: configuration.partSize(ranks: ranks?.size ?? 1),
      order: .shuffled, seed: configuration.randomSeed, batchesPerStep: configuration.accumulationSteps,
      share: ranks.map { BatchPlan.Share($0.rank, of: $0.size) } ?? BatchPlan.Share(), epochs: begin.epoch..<end,
      firstBatch: begin.part,
      workers: configuration.workers == 0 ? nil : configuration.workers, prefetch: ahead)
  }
}

/// The same images, once for each augmentation.
struct LoadedCrops {
  fileprivate let batches: [Batch]

  var count: Int { batches[0].indices.count }

  /// - Throws: `ConfigurationError`, `ShapeError`, `LoaderError` where an image was replaced in one of the batches
  ///   alone.
  func crops(of model: ModelConfiguration, seed: UInt64, epoch: Int) throws -> TrainingCrops {
    try crops(of: model, BatchViews(model, seed: seed, epoch: epoch, images: batches[0].indices), images: 0..<count)
  }

  /// The numbers of the images in their data set.
  fileprivate var indices: [Int] { batches[0].indices }

  /// - Parameters:
  ///   - views: of a batch.
  ///   - range: which of its images these are.
  fileprivate func crops(
    of model: ModelConfiguration, _ views: BatchViews, images range: Range<Int>
  ) throws -> TrainingCrops {
    let images = try batches.map { try Tensor(shape: $0.shape, buffer: $0.pixels) }
    let own = views.first.part(range)
    guard images.count > 1 else { return TrainingCrops(images[0], views: own) }
    guard batches[1].indices == indices else { throw LoaderError.plan("two crops of a batch are of different images") }
    guard let others = views.second else { return TrainingCrops(images[0], views: own, targetImages: images[1]) }
    return TrainingCrops(images[0], views: own, second: (images[1], others.part(range)))
  }
}

/// The views of a batch, and those of its second crops, where there are any.
private struct BatchViews {
  let first: Views
  let second: Views?

  /// What makes the seed of the second crops' views another one.
  private static let otherViews: UInt64 = 0x9E37_79B9_7F4A_7C15

  init(_ model: ModelConfiguration, seed: UInt64, epoch: Int, images: [Int]) throws {
    first = try Views.sample(model, seed: seed, epoch: epoch, images: images)
    second =
      model.contrastCoefficient > 0
      ? try Views.sample(model, seed: seed ^ Self.otherViews, epoch: epoch, images: images) : nil
  }
}

extension [LoadedCrops] {
  /// The parts of one batch that this rank has. Views are drawn for all of it: sizes of `multi_block` masks are the
  /// batch's.
  ///
  /// - Throws: as `crops` of one of them; what the communicator throws.
  func parts(of model: ModelConfiguration, seed: UInt64, epoch: Int, _ ranks: Ranks?) throws -> [BatchPart] {
    let indices = map(\.indices)
    let all = try ranks?.gatherParts(indices) ?? indices
    let views = try BatchViews(model, seed: seed, epoch: epoch, images: all.flatMap { $0 })
    return try enumerated().map { index, loaded in
      let images = loaded.images(ofPart: index, ranks)
      return BatchPart(
        crops: try loaded.crops(of: model, views, images: images), images: images, share: 1 / Float(all.count))
    }
  }
}

extension LoadedCrops {
  /// Which images of the batch these are, as a rank's part of that number.
  func images(ofPart index: Int, _ ranks: Ranks?) -> Range<Int> {
    let first = (index * (ranks?.size ?? 1) + (ranks?.rank ?? 0)) * count
    return first..<first + count
  }
}
