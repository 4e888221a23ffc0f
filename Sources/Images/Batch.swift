import Compute

/// What is made of each image before it goes into a batch.
public enum ImageTransform: Sendable {
  case train(Augmentation)
  case evaluate(EvaluationTransform)

  /// Output size in pixels.
  public var height: Int {
    switch self {
    case .train(let augmentation): augmentation.height
    case .evaluate(let transform): transform.height
    }
  }
  public var width: Int {
    switch self {
    case .train(let augmentation): augmentation.width
    case .evaluate(let transform): transform.width
    }
  }
  public var normalization: Normalization {
    switch self {
    case .train(let augmentation): augmentation.normalization
    case .evaluate(let transform): transform.normalization
    }
  }
}

/// Images ready for the network.
public struct Batch: Sendable {
  /// Zero-based epoch, and number of the batch in it.
  public let epoch: Int
  public let number: Int
  /// Index of each image in the data set. Where an unreadable one was replaced, the replacement's.
  public let indices: [Int]
  /// [B, H, W, C] float32, normalised.
  public let pixels: Buffer
  public let height: Int
  public let width: Int
  public let channels: Int

  /// [B, H, W, C]
  public var shape: [Int] { [indices.count, height, width, channels] }
}

/// Loads one image of a batch: what loaders and `loadBatch` have in common.
struct ImageLoading: Sendable {
  let dataset: any ImageDataset
  let transform: ImageTransform
  let seed: UInt64
  /// Floats an image takes in a batch.
  let imageSize: Int

  /// - Throws: `ImageError` where the normalisation does not go with the data set's channels, or no memory could hold
  ///   an image.
  init(_ dataset: any ImageDataset, _ transform: ImageTransform, seed: UInt64) throws {
    guard transform.normalization.channels == dataset.channels else {
      throw ImageError.channels(dataset.channels, wanted: transform.normalization.channels)
    }
    let shape = [transform.height, transform.width, dataset.channels]
    guard let size = pixelCount(shape) else { throw ImageError.shape(shape, count: 0) }
    (self.dataset, self.transform, self.seed, imageSize) = (dataset, transform, seed, size)
  }

  /// Writes the image for `index` to `output` and returns the index of the image it really is.
  func load(_ index: Int, epoch: Int, into output: UnsafeMutablePointer<Float>) throws -> Int {
    try dataset.readable(at: index) { image, actual in
      guard image.channels == dataset.channels else {
        throw ImageError.channels(image.channels, wanted: dataset.channels)
      }
      switch transform {
      case .train(let augmentation):
        let parameters = try augmentation.sample(
          height: image.height, width: image.width, seed: seed, epoch: epoch, index: actual)
        try augmentation.apply(parameters, to: image, into: output)
      case .evaluate(let transform): try transform.apply(to: image, into: output)
      }
    }.index
  }

  /// Memory for `images` images.
  func pixels(_ images: Int) throws -> Buffer {
    guard let count = pixelCount([images, imageSize]) else { throw ImageError.memory(bytes: .max) }
    return try Buffer(count: count)
  }

  func batch(epoch: Int, number: Int, indices: [Int], _ pixels: Buffer) -> Batch {
    Batch(
      epoch: epoch, number: number, indices: indices, pixels: pixels, height: transform.height, width: transform.width,
      channels: dataset.channels)
  }
}

/// Loads the images with these indices at once, on the compute pool's threads: what a loader would make of them in
/// `epoch`.
///
/// - Parameters:
///   - indices: of the data set, in any order, at least one.
///   - seed: for `.train`: the run's seed.
///   - epoch: for `.train`: zero-based epoch.
/// - Throws: the error of the first image that cannot be loaded; `OutOfMemory`; `Interrupted`.
public func loadBatch(
  _ dataset: any ImageDataset, indices: [Int], transform: ImageTransform, seed: UInt64 = 0, epoch: Int = 0
) throws -> Batch {
  let loading = try ImageLoading(dataset, transform, seed: seed)
  let pixels = try loading.pixels(max(indices.count, 1))
  let actual = try load(loading, indices, epoch: epoch, into: pixels.pointer)
  return loading.batch(epoch: epoch, number: 0, indices: actual, pixels)
}

/// The same, written to `output` [n, H, W, C]. Rows of images that stand in the place of those asked for, because these
/// cannot be read, are NaN.
///
/// - Throws: as `loadBatch`.
public func loadRows(
  _ dataset: any ImageDataset, indices: [Int], transform: ImageTransform, seed: UInt64 = 0, epoch: Int = 0,
  into output: UnsafeMutablePointer<Float>
) throws {
  let loading = try ImageLoading(dataset, transform, seed: seed)
  let actual = try load(loading, indices, epoch: epoch, into: output)
  for (place, index) in indices.enumerated() where actual[place] != index {
    (output + place * loading.imageSize).update(repeating: .nan, count: loading.imageSize)
  }
}

/// The indices of the images that `output` [n, H, W, C] has in the end.
private func load(
  _ loading: ImageLoading, _ indices: [Int], epoch: Int, into output: UnsafeMutablePointer<Float>
) throws -> [Int] {
  guard !indices.isEmpty else { throw LoaderError.plan("a batch of no images was asked for") }
  var actual = [Int](repeating: 0, count: indices.count)
  for first in stride(from: 0, to: indices.count, by: imagesBetweenChecks) {
    try Interruption.check()
    let part = indices[first..<min(first + imagesBetweenChecks, indices.count)]
    try actual.withUnsafeMutableBufferPointer { actual in
      nonisolated(unsafe) let actual = actual
      try parallelTrying(part.count) { slot in
        let place = output + (first + slot) * loading.imageSize
        actual[first + slot] = try loading.load(part[first + slot], epoch: epoch, into: place)
      }
    }
  }
  return actual
}

/// A tenth of a second's work or so.
private let imagesBetweenChecks = 64
