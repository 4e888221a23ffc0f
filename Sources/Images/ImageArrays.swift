import Compute

/// Images [N, H, W, C] in memory, uint8 (0 … 255), uint16 (0 … 65535) or float32 (0 … 1), with or without labels.
public final class ImageArrays: ImageDataset {
  public let count: Int
  public let height: Int
  public let width: Int
  public let channels: Int
  public let labels: [Int]?
  public let classNames: [String]
  private let memory: PixelMemory

  /// - Parameters:
  ///   - memory: exactly the elements of `shape`. Float32 values are looked at when an image is loaded.
  ///   - shape: [N, H, W, C], all positive.
  ///   - labels: one class index an image, not negative.
  ///   - classNames: empty, or a name for every label.
  /// - Throws: `ImageError.shape`, `ImageError.tooLarge`, `ImageError.channelsFirst`,
  ///   `DatasetError.labels`, `OutOfMemory`.
  public init(_ memory: PixelMemory, shape: [Int], labels: [Int]? = nil, classNames: [String] = []) throws {
    guard shape.count == 4, pixelCount(shape) == memory.count else {
      throw ImageError.shape(shape, count: memory.count)
    }
    guard shape[1...2].allSatisfy({ $0 <= Self.longestSide }), shape[3] <= Self.mostChannels else {
      throw ImageError.tooLarge(shape)
    }
    try refuseChannelsFirst(shape)
    // What is kept of each image besides pixels: labels, the order of an epoch.
    try OutOfMemory.check(bytes: 32 * shape[0])
    if let labels { try checkLabels(labels, images: shape[0], classNames) }
    (count, height, width, channels) = (shape[0], shape[1], shape[2], shape[3])
    self.labels = labels
    self.classNames = classNames
    self.memory = memory
  }

  /// Beyond these a size is a mistake, and weights of resampling take more memory than there is.
  private static let (longestSide, mostChannels) = (1 << 24, 1 << 16)

  /// The image at `index`, in place.
  ///
  /// - Throws: `DatasetError.index`, and `DatasetError.value` where a float32 value is not in 0 … 1.
  public func source(at index: Int) throws -> ImageSource {
    guard 0..<count ~= index else { throw DatasetError.index(index, count: count) }
    let size = height * width * channels
    let image = try Image(memory: memory, offset: index * size, height: height, width: width, channels: channels)
    if let value = image.valueOutOfRange() { throw DatasetError.value(value, image: index) }
    return .decoded(image)
  }
}

extension ImageArrays {
  /// Brings every image to one size: [N, height, width, C] float32, normalised, written to `output`.
  ///
  /// - Throws: as `loadBatch`.
  public func resample(
    height: Int, width: Int, _ normalization: Normalization, into output: UnsafeMutablePointer<Float>
  ) throws {
    let transform = try EvaluationTransform(.squash(height: height, width: width), normalization: normalization)
    // Some after the others: the result may be all that memory can hold.
    for first in stride(from: 0, to: count, by: Self.imagesOfPart) {
      let indices = Array(first..<min(first + Self.imagesOfPart, count))
      try loadRows(
        self, indices: indices, transform: .evaluate(transform), into: output + first * height * width * channels)
    }
  }

  private static let imagesOfPart = 64
}
