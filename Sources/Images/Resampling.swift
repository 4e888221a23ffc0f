import CKernels
import Compute

/// A part of an image in real-valued pixel coordinates: pixel (row r, column c) covers r … r+1 and c … c+1.
public struct SourceBox: Sendable, Equatable {
  public var top: Double
  public var left: Double
  public var bottom: Double
  public var right: Double

  public init(top: Double, left: Double, bottom: Double, right: Double) {
    (self.top, self.left, self.bottom, self.right) = (top, left, bottom, right)
  }

  /// Whether it lies within `height` × `width` pixels.
  func isWithin(height: Int, width: Int) -> Bool {
    // Not a number fails every comparison.
    top >= 0 && left >= 0 && top < bottom && left < right && bottom <= Double(height) && right <= Double(width)
  }
}

/// Part of an image, resized, perhaps mirrored, normalised: one pass over the rows and columns that are read.
public struct Resampling: Sendable {
  /// Output size in pixels.
  public var height: Int
  public var width: Int
  public var interpolation: Interpolation
  public var normalization: Normalization
  /// Pixels outside it do not exist; nil means all do.
  public var crop: PixelRectangle?
  /// The part to resize, in the crop's coordinates; nil means all. Pixels outside it but in the crop count at its edges
  /// (Pillow's `box`).
  public var box: SourceBox?
  /// Left and right exchanged.
  public var isFlipped = false
  /// A part that is larger than the output is decoded at a fraction of its size, where the format can (`EncodedImage`'s
  /// `reductions`): faster, and not the same; pixels beside the crop then count at its edges.
  public var fastDecode = false

  public init(
    height: Int, width: Int, interpolation: Interpolation = .bicubic, normalization: Normalization,
    crop: PixelRectangle? = nil, box: SourceBox? = nil, isFlipped: Bool = false, fastDecode: Bool = false
  ) {
    (self.height, self.width) = (height, width)
    self.interpolation = interpolation
    self.normalization = normalization
    (self.crop, self.box) = (crop, box)
    (self.isFlipped, self.fastDecode) = (isFlipped, fastDecode)
  }

  /// The resized image [height, width, C], float32.
  ///
  /// - Throws: as `callAsFunction(_:into:)` does.
  public func callAsFunction(_ image: Image) throws -> Buffer {
    let source = ImageSource.decoded(image)
    try check(source)
    let output = try Buffer(count: height * width * image.channels)
    try self(source, into: output.pointer)
    return output
  }

  /// Writes the resized image [height, width, C], float32, to `output`.
  ///
  /// An image of 8 bits is resized in fixed point and rounded to 8 bits after each axis, as Pillow does: the result is
  /// Pillow's to the last bit. (Without antialias, as in torchvision's tensors, nothing is rounded.) Images of 16 bits
  /// and floats keep all their digits. Values beyond black and white, where a bicubic filter overshoots, are clipped.
  ///
  /// - Throws: `ImageError` for a size, box or number of channels that does not go with the image; what decoding
  ///   throws; `OutOfMemory`.
  public func callAsFunction(_ source: ImageSource, into output: UnsafeMutablePointer<Float>) throws {
    try check(source)
    let view = SourceView(self, source)
    try resample(source.pixels(view.part, reduction: view.reduction), view, into: output)
  }

  private func resample(_ image: Image, _ view: SourceView, into output: UnsafeMutablePointer<Float>) throws {
    let highest = image.element.highest
    let scale = normalization.std.map { 1 / (highest * $0) }
    let shift = zip(normalization.mean, normalization.std).map { -$0 / $1 }
    try withAxis(view.down) { down in
      try withAxis(view.across) { across in
        try scale.withUnsafeBufferPointer { scale in
          try shift.withUnsafeBufferPointer { shift in
            if view.isRounded {
              var arguments = lmk_level_resampling(
                levels: image.row(0, of: UInt8.self), row_stride: image.rowStride, rows: image.height,
                columns: image.width, channels: image.channels, down: down, across: across,
                is_vertical_first: view.isVerticalFirst ? 1 : 0, scale: scale.baseAddress, shift: shift.baseAddress)
              let scratch = try Buffer(count: lmk_resample_levels_scratch(&arguments) / 4 + 1)
              lmk_resample_levels(&arguments, scratch.raw, output)
            } else {
              var arguments = lmk_resampling(
                bytes: nil, words: nil, floats: nil, row_stride: image.rowStride, columns: image.width,
                channels: image.channels, down: down, across: across, highest: highest, scale: scale.baseAddress,
                shift: shift.baseAddress)
              switch image.element {
              case .uint8: arguments.bytes = image.row(0, of: UInt8.self)
              case .uint16: arguments.words = image.row(0, of: UInt16.self)
              case .float32: arguments.floats = image.row(0, of: Float.self)
              }
              let rows = try Buffer(count: 4 * (image.width * image.channels + 4), repeating: 0)
              lmk_resample(&arguments, rows.pointer, output)
            }
          }
        }
      }
    }
  }

  private func check(_ source: ImageSource) throws {
    guard 1...65536 ~= height, 1...65536 ~= width else { throw ImageError.size(height: height, width: width) }
    guard normalization.channels == source.channels else {
      throw ImageError.channels(source.channels, wanted: normalization.channels)
    }
    if let crop, !crop.isWithin(height: source.height, width: source.width) {
      throw ImageError.box("\(crop)", height: source.height, width: source.width)
    }
    let (height, width) = (crop?.height ?? source.height, crop?.width ?? source.width)
    if let box, !box.isWithin(height: height, width: width) {
      throw ImageError.box("\(box)", height: height, width: width)
    }
  }

  private func withAxis(_ axis: AxisWeights, _ body: (lmk_axis) throws -> Void) rethrows {
    try axis.first.withUnsafeBufferPointer { first in
      try axis.count.withUnsafeBufferPointer { count in
        try axis.weights.withUnsafeBufferPointer { weights in
          try axis.fixedWeights.withUnsafeBufferPointer { fixed in
            try body(
              lmk_axis(
                outputs: axis.first.count, first: first.baseAddress, count: count.baseAddress,
                weights: weights.baseAddress, fixed_weights: fixed.baseAddress, stride: axis.stride))
          }
        }
      }
    }
  }
}
