import Compute

/// What was drawn for one image in one epoch.
public struct CropParameters: Sendable, Equatable {
  /// The part of the image that is resized.
  public let box: PixelRectangle
  /// Left and right exchanged.
  public let isFlipped: Bool
  /// What is done to the levels of the crop, in order.
  public var operations: [ImageOperation] = []
  /// What is replaced by noise in the end.
  public var erased: ErasedPart?
}

/// Training's view of an image: a random crop, resized, flipped half the time, normalised.
public struct Augmentation: Sendable {
  /// Output size in pixels.
  public let height: Int
  public let width: Int
  public let crop: RandomResizedCrop
  /// How often left and right are exchanged, 0 … 1.
  public let flipProbability: Double
  public let interpolation: Interpolation
  public let normalization: Normalization
  /// What is done to the crop at 8 bits; nil: nothing, and no rounding either.
  public var levels: (any LevelAugmentation)?
  public var erasing: RandomErasing?
  /// See `Resampling.fastDecode`.
  public var fastDecode = false
  /// What the crop's random numbers are drawn for: another purpose is another crop.
  public var purpose = RandomPurpose.crop

  /// - Throws: `ImageError.size`, `ImageError.option`.
  public init(
    height: Int, width: Int, crop: RandomResizedCrop = .standard, flipProbability: Double = 0.5,
    interpolation: Interpolation = .bicubic, normalization: Normalization = .imageNet
  ) throws {
    guard 1...65536 ~= height, 1...65536 ~= width else { throw ImageError.size(height: height, width: width) }
    guard 0...1 ~= flipProbability else {
      throw ImageError.option("flip probability \(flipProbability): wanted a number in 0 … 1")
    }
    (self.height, self.width) = (height, width)
    self.crop = crop
    self.flipProbability = flipProbability
    self.interpolation = interpolation
    self.normalization = normalization
  }

  /// The crop and flip of image `index` in `epoch`: they depend on nothing else but the seed and the image's size in
  /// pixels.
  ///
  /// - Throws: `ImageError.size` for a height or width below 1 or above 2²⁴.
  public func sample(height: Int, width: Int, seed: UInt64, epoch: Int, index: Int) throws -> CropParameters {
    guard 1...(1 << 24) ~= height, 1...(1 << 24) ~= width else { throw ImageError.size(height: height, width: width) }
    let random = RandomStream(seed: seed, purpose: purpose, epoch: epoch, item: index)
    // The draw after the crop's.
    let flip = random.uniform(at: RandomResizedCrop.draws)
    var parameters = CropParameters(
      box: crop.sample(height: height, width: width, random), isFlipped: Double(flip) < flipProbability)
    if let levels {
      parameters.operations = levels.sample(
        RandomStream(seed: seed, purpose: .operations, epoch: epoch, item: index))
    }
    parameters.erased = erasing?.sample(
      height: self.height, width: self.width, RandomStream(seed: seed, purpose: .erasing, epoch: epoch, item: index))
    return parameters
  }

  /// Writes what `parameters` say of `image`: [height, width, C], float32.
  ///
  /// - Throws: `ImageError`, `OutOfMemory`.
  public func apply(_ parameters: CropParameters, to image: ImageSource, into output: UnsafeMutablePointer<Float>)
    throws
  {
    // Cropped first, then resized: pixels beside the box do not count, as in torchvision.
    try Resampling(
      height: height, width: width, interpolation: interpolation, normalization: normalization, crop: parameters.box,
      isFlipped: parameters.isFlipped, fastDecode: fastDecode
    )(image, into: output)
    if !parameters.operations.isEmpty {
      let levels = try Levels(output, height: height, width: width, channels: image.channels, normalization)
      let fill = normalization.meanLevels
      for operation in parameters.operations { try levels.apply(operation, fill: fill) }
      levels.write(to: output, normalization)
    }
    parameters.erased?.fill(output, width: width, channels: image.channels)
  }
}

/// Draws what is done to the levels of a crop.
public protocol LevelAugmentation: Sendable {
  /// - Parameter random: the image's own stream in an epoch.
  func sample(_ random: RandomStream) -> [ImageOperation]
}

extension Normalization {
  /// The mean as levels: what RandAugment fills with.
  var meanLevels: [UInt8] { mean.map { UInt8(min(max(($0 * 255).rounded(.toNearestOrEven), 0), 255)) } }
}
