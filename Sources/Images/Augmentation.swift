import Compute

/// What was drawn for one image in one epoch.
public struct CropParameters: Sendable, Equatable {
  /// The part of the image that is resized.
  public let box: PixelRectangle
  /// Left and right exchanged.
  public let isFlipped: Bool
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

  /// - Throws: `ImageError.size`, `ImageError.option`.
  public init(
    height: Int, width: Int, crop: RandomResizedCrop = .standard, flipProbability: Double = 0.5,
    interpolation: Interpolation = .bicubic, normalization: Normalization = .imageNet
  ) throws {
    guard 1...65536 ~= height, 1...65536 ~= width else { throw ImageError.size(height: height, width: width) }
    guard 0...1 ~= flipProbability else {
      throw ImageError.option("flip probability \(flipProbability): wanted is a number in 0 … 1")
    }
    (self.height, self.width) = (height, width)
    self.crop = crop
    self.flipProbability = flipProbability
    self.interpolation = interpolation
    self.normalization = normalization
  }

  /// The crop and flip of image `index` in `epoch`: they depend on nothing else but the seed and the image's size in pixels.
  ///
  /// - Throws: `ImageError.size` for a height or width below 1 or above 2²⁴.
  public func sample(height: Int, width: Int, seed: UInt64, epoch: Int, index: Int) throws -> CropParameters {
    guard 1...(1 << 24) ~= height, 1...(1 << 24) ~= width else { throw ImageError.size(height: height, width: width) }
    let random = RandomStream(seed: seed, purpose: .crop, epoch: epoch, item: index)
    // The draw after the crop's.
    let flip = random.uniform(at: RandomResizedCrop.draws)
    return CropParameters(
      box: crop.sample(height: height, width: width, random), isFlipped: Double(flip) < flipProbability)
  }

  /// Writes what `parameters` say of `image`: [height, width, C], float32.
  ///
  /// - Throws: `ImageError`, `OutOfMemory`.
  public func apply(_ parameters: CropParameters, to image: Image, into output: UnsafeMutablePointer<Float>) throws {
    // Cropped first, then resized: pixels beside the box do not count, as in torchvision.
    try Resampling(
      height: height, width: width, interpolation: interpolation, normalization: normalization,
      isFlipped: parameters.isFlipped
    )(image.cropped(to: parameters.box), into: output)
  }
}
