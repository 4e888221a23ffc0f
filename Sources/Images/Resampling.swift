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

  func isInside(_ image: Image) -> Bool {
    // Not a number fails every comparison.
    top >= 0 && left >= 0 && top < bottom && left < right && bottom <= Double(image.height)
      && right <= Double(image.width)
  }
}

/// Part of an image, resized, perhaps mirrored, normalised: one pass over the rows and columns that are read.
public struct Resampling: Sendable {
  /// Output size in pixels.
  public var height: Int
  public var width: Int
  public var interpolation: Interpolation
  public var normalization: Normalization
  /// The part to resize; nil means all. Pixels outside it but in the image count at its edges (Pillow's `box`); to
  /// forbid that, crop the image first.
  public var box: SourceBox?
  /// Left and right exchanged.
  public var isFlipped = false

  public init(
    height: Int, width: Int, interpolation: Interpolation = .bicubic, normalization: Normalization,
    box: SourceBox? = nil, isFlipped: Bool = false
  ) {
    (self.height, self.width) = (height, width)
    self.interpolation = interpolation
    self.normalization = normalization
    self.box = box
    self.isFlipped = isFlipped
  }

  /// The resized image [height, width, C], float32.
  ///
  /// - Throws: as `callAsFunction(_:into:)` does.
  public func callAsFunction(_ image: Image) throws -> Buffer {
    try check(image)
    let output = try Buffer(count: height * width * image.channels)
    try self(image, into: output.pointer)
    return output
  }

  /// Writes the resized image [height, width, C], float32, to `output`.
  ///
  /// Sums are float32 and not rounded to 8 bits between the axes, as Pillow does with 8-bit images (up to a level
  /// apart). Values beyond black and white, where a bicubic filter overshoots, are clipped before normalisation.
  ///
  /// - Throws: `ImageError` for a size, box or number of channels that does not go with the image; `OutOfMemory`.
  public func callAsFunction(_ image: Image, into output: UnsafeMutablePointer<Float>) throws {
    try check(image)
    let box = box ?? SourceBox(top: 0, left: 0, bottom: Double(image.height), right: Double(image.width))
    var down = AxisWeights(inputs: image.height, from: box.top, to: box.bottom, outputs: height, interpolation)
    var across = AxisWeights(
      inputs: image.width, from: box.left, to: box.right, outputs: width, interpolation, isReversed: isFlipped)
    let (rows, columns) = (down.inputsRead, across.inputsRead)
    down.shift(by: rows.lowerBound)
    across.shift(by: columns.lowerBound)

    let highest: Float = image.element == .uint8 ? 255 : 1
    let scale = normalization.std.map { 1 / (highest * $0) }
    let shift = zip(normalization.mean, normalization.std).map { -$0 / $1 }
    let row = try Buffer(count: columns.count * image.channels + 4, repeating: 0)
    withAxis(down) { down in
      withAxis(across) { across in
        scale.withUnsafeBufferPointer { scale in
          shift.withUnsafeBufferPointer { shift in
            var arguments = lmk_resampling()
            let start = columns.lowerBound * image.channels
            switch image.element {
            case .uint8: arguments.bytes = image.row(rows.lowerBound, of: UInt8.self) + start
            case .float32: arguments.floats = image.row(rows.lowerBound, of: Float.self) + start
            }
            arguments.row_stride = image.rowStride
            arguments.columns = columns.count
            arguments.channels = image.channels
            arguments.down = down
            arguments.across = across
            arguments.highest = highest
            arguments.scale = scale.baseAddress
            arguments.shift = shift.baseAddress
            lmk_resample(&arguments, row.pointer, output)
          }
        }
      }
    }
  }

  private func check(_ image: Image) throws {
    guard 1...65536 ~= height, 1...65536 ~= width else { throw ImageError.size(height: height, width: width) }
    guard normalization.channels == image.channels else {
      throw ImageError.channels(image.channels, wanted: normalization.channels)
    }
    if let box, !box.isInside(image) { throw ImageError.box("\(box)", height: image.height, width: image.width) }
  }

  private func withAxis(_ axis: AxisWeights, _ body: (lmk_axis) -> Void) {
    axis.first.withUnsafeBufferPointer { first in
      axis.count.withUnsafeBufferPointer { count in
        axis.weights.withUnsafeBufferPointer { weights in
          body(
            lmk_axis(
              outputs: axis.first.count, first: first.baseAddress, count: count.baseAddress,
              weights: weights.baseAddress, stride: axis.stride))
        }
      }
    }
  }
}
