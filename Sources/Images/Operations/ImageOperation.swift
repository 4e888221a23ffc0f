/// What can be done to the levels of an image. Each gives what Pillow gives of the same name (ImageOps, ImageEnhance,
/// Image.transform).
public enum ImageOperation: Sendable, Equatable {
  /// Each channel stretched to 0 … 255.
  case autoContrast
  /// Each channel's histogram made even.
  case equalize
  case invert
  /// The upper bits kept, 0 … 8 of them.
  case posterize(bits: Int)
  /// Levels from `threshold` on inverted.
  case solarize(threshold: Int)
  /// Added to levels below 128.
  case solarizeAdd(Int)
  /// Between grey (0), the image (1) and more colourful.
  case color(Float)
  /// Between the mean grey (0), the image (1) and more contrast.
  case contrast(Float)
  /// Times the factor.
  case brightness(Float)
  /// Between smoothed (0), the image (1) and sharper.
  case sharpness(Float)
  /// The colour circle turned by this share of it, −½ … ½.
  case hue(Double)
  /// The luminance in all channels.
  case gray
  /// Counter-clockwise about the centre.
  case rotate(degrees: Double, Sampling)
  /// Row y reads `factor`·y further right.
  case shearX(Double, Sampling)
  /// Column x reads `factor`·x further down.
  case shearY(Double, Sampling)
  /// Reads this share of the width further right.
  case translateX(Double, Sampling)
  /// Reads this share of the height further down.
  case translateY(Double, Sampling)

  /// How values between pixels are found when an image is moved.
  public enum Sampling: String, Sendable, CaseIterable {
    case bilinear
    case bicubic
  }
}

extension Levels {
  /// Does `operation`.
  ///
  /// - Parameter fill: a level for each channel, for what moves in from outside.
  /// - Throws: `ImageError.option` where `fill` does not go with the channels, `ImageError.memory`.
  public func apply(_ operation: ImageOperation, fill: [UInt8]) throws {
    guard fill.count == channels else {
      throw ImageError.option("fill colour: \(fill.count) levels, the image has \(channels) channels")
    }
    switch operation {
    case .autoContrast: mapByHistogram(autoContrastTable)
    case .equalize: mapByHistogram(equalizingTable)
    case .invert: map { 255 - $0 }
    case .posterize(let bits): map { $0 & ~(255 >> min(max(bits, 0), 8)) }
    case .solarize(let threshold): map { $0 < threshold ? $0 : 255 - $0 }
    case .solarizeAdd(let added): map { $0 < 128 ? min(255, $0 + added) : $0 }
    case .color(let factor): blend(factor) { luminance($0) }
    case .contrast(let factor):
      let mean = meanLuminance
      blend(factor) { _ in mean }
    case .brightness(let factor): blend(factor) { _ in 0 }
    case .sharpness(let factor): try sharpen(factor)
    case .hue(let turn): turnHue(turn)
    case .gray: blend(0) { luminance($0) }
    case .rotate(let degrees, let sampling): try rotate(degrees, sampling, fill)
    case .shearX(let factor, let sampling): try transform(AffineMap(1, factor, 0, 0, 1, 0), sampling, fill)
    case .shearY(let factor, let sampling): try transform(AffineMap(1, 0, 0, factor, 1, 0), sampling, fill)
    case .translateX(let share, let sampling):
      try transform(AffineMap(1, 0, share * Double(width), 0, 1, 0), sampling, fill)
    case .translateY(let share, let sampling):
      try transform(AffineMap(1, 0, 0, 0, 1, share * Double(height)), sampling, fill)
    }
  }
}
