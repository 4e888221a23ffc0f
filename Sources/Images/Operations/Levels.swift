import Glibc

/// An image's 8-bit levels [height, width, channels], which operations change in place. One channel (grey) or three
/// (red, green, blue).
public final class Levels {
  public let height: Int
  public let width: Int
  public let channels: Int
  let start: UnsafeMutablePointer<UInt8>

  public var count: Int { height * width * channels }
  /// A copy of all levels.
  public var bytes: [UInt8] { Array(UnsafeBufferPointer(start: start, count: count)) }

  /// Levels without defined values.
  ///
  /// - Throws: `ImageError.shape` for a side below 1, `ImageError.option` for other numbers of channels,
  ///   `ImageError.memory`.
  init(height: Int, width: Int, channels: Int) throws {
    guard let count = pixelCount([height, width, channels]) else {
      throw ImageError.shape([height, width, channels], count: 0)
    }
    try Self.check(channels: channels)
    guard let memory = malloc(count) else { throw ImageError.memory(bytes: count) }
    start = memory.bindMemory(to: UInt8.self, capacity: count)
    (self.height, self.width, self.channels) = (height, width, channels)
  }

  deinit { free(start) }

  /// A copy of `bytes`.
  ///
  /// - Throws: as above; `ImageError.shape` where their number differs.
  public convenience init(bytes: [UInt8], height: Int, width: Int, channels: Int) throws {
    guard pixelCount([height, width, channels]) == bytes.count else {
      throw ImageError.shape([height, width, channels], count: bytes.count)
    }
    try self.init(height: height, width: width, channels: channels)
    bytes.withUnsafeBufferPointer { if let source = $0.baseAddress { start.update(from: source, count: bytes.count) } }
  }

  /// The nearest levels of normalised values [height, width, channels].
  ///
  /// - Throws: as above.
  public convenience init(
    _ values: UnsafePointer<Float>, height: Int, width: Int, channels: Int, _ normalization: Normalization
  ) throws {
    try self.init(height: height, width: width, channels: channels)
    for pixel in 0..<(height * width) {
      for channel in 0..<channels {
        let index = pixel * channels + channel
        let value = values[index] * normalization.std[channel] + normalization.mean[channel]
        start[index] = UInt8(min(max(value * 255 + 0.5, 0), 255))
      }
    }
  }

  /// Writes normalised values [height, width, channels].
  public func write(to values: UnsafeMutablePointer<Float>, _ normalization: Normalization) {
    for pixel in 0..<(height * width) {
      for channel in 0..<channels {
        let index = pixel * channels + channel
        values[index] = (Float(start[index]) / 255 - normalization.mean[channel]) / normalization.std[channel]
      }
    }
  }

  /// - Throws: `ImageError.option` unless there are one or three.
  public static func check(channels: Int) throws {
    guard channels == 1 || channels == 3 else {
      throw ImageError.option("operations on levels: the image has \(channels) channels, wanted 1 or 3")
    }
  }

  func copy() throws -> Levels {
    let other = try Levels(height: height, width: width, channels: channels)
    other.start.update(from: start, count: count)
    return other
  }

  /// The luminance of a pixel (ITU-R 601, in 16 bits, rounded).
  func luminance(_ pixel: Int) -> UInt8 {
    guard channels == 3 else { return start[pixel] }
    let rgb = start + 3 * pixel
    let (red, green, blue) = (UInt32(rgb[0]) * 19595, UInt32(rgb[1]) * 38470, UInt32(rgb[2]) * 7471)
    return UInt8((red + green + blue + 0x8000) >> 16)
  }
}
