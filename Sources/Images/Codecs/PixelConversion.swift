import Compute

/// How many channels images of all kinds are brought to.
///
/// One rule each: the same number stays. Grey is repeated to make RGB; RGB makes grey by ITU-R 601-2
/// (299 R + 587 G + 114 B) / 1000, as in Pillow. Alpha is composed on the background, except where all four channels
/// (or grey and alpha) are asked for; an opaque picture then has alpha 1. Nothing else is guessed: eight bands are read
/// as eight channels and refused as three.
public struct PixelConversion: Sendable, Equatable {
  public let channels: Int
  /// What shows through transparent pixels, 0 … 1: a value for each colour.
  public let background: [Float]

  /// RGB on white.
  public static let rgb = PixelConversion(unchecked: 3, [1, 1, 1])

  /// - Parameters:
  ///   - channels: 1 … 65536.
  ///   - background: 0 … 1, one value for all channels or one for each of red, green and blue.
  /// - Throws: `ImageError.option`.
  public init(channels: Int = 3, background: [Float] = [1]) throws {
    guard 1...65536 ~= channels else { throw ImageError.option("channels: is \(channels), wanted 1 … 65536") }
    guard background.count == 1 || background.count == 3, background.allSatisfy({ 0...1 ~= $0 }) else {
      throw ImageError.option("background: is \(background), wanted one value or three, each in 0 … 1")
    }
    self.init(unchecked: channels, background.count == 1 ? [Float](repeating: background[0], count: 3) : background)
  }

  private init(unchecked channels: Int, _ background: [Float]) {
    (self.channels, self.background) = (channels, background)
  }

  /// - Throws: `ImageFileError.channels` where no rule leads from the file's channels to those wanted.
  func check(_ header: ImageHeader) throws {
    let colors = header.channels - (header.alpha == .none ? 0 : 1)
    let isKnown = header.channels == channels || ([1, 3].contains(colors) && [1, 3, 4].contains(channels))
    guard isKnown else {
      throw ImageFileError.channels(header.channels, hasAlpha: header.alpha != .none, wanted: channels)
    }
  }

  /// The image with the wanted channels; itself where it has them.
  ///
  /// - Throws: `ImageError.memory`.
  func callAsFunction(_ image: Image, alpha: ImageHeader.Alpha) throws -> Image {
    if image.channels == channels, alpha != .premultiplied { return image }
    switch image.element {
    case .uint8: return try converted(image, alpha, of: UInt8.self)
    case .uint16: return try converted(image, alpha, of: UInt16.self)
    case .float32: return try converted(image, alpha, of: Float.self)
    }
  }

  private func converted<Level: PixelLevel>(
    _ image: Image, _ alpha: ImageHeader.Alpha, of type: Level.Type
  ) throws -> Image {
    let background = background.map { Level(fraction: $0) }
    let (from, colors) = (image.channels, image.channels - (alpha == .none ? 0 : 1))
    let keepsAlpha = alpha != .none && channels == from
    let memory = try PixelMemory(image.element, count: image.height * image.width * channels) { pixels in
      guard var target = pixels.bindMemory(to: Level.self).baseAddress else { return }
      for y in 0..<image.height {
        var pixel = image.row(y, of: Level.self)
        for _ in 0..<image.width {
          let covered = alpha == .none ? Level.highest : pixel[colors]
          func color(_ channel: Int) -> Level {
            if alpha == .none { return pixel[channel] }
            let level = alpha == .premultiplied ? pixel[channel].divided(by: covered) : pixel[channel]
            return keepsAlpha || channels == 4
              ? level : level.composed(covered, on: background[colors == 1 ? 0 : channel])
          }
          write(colors, target, keepsAlpha ? covered : channels == 4 ? covered : nil, color)
          pixel += from
          target += channels
        }
      }
    }
    return try Image(memory: memory, height: image.height, width: image.width, channels: channels)
  }

  private func write<Level: PixelLevel>(
    _ colors: Int, _ target: UnsafeMutablePointer<Level>, _ alpha: Level?, _ color: (Int) -> Level
  ) {
    let wanted = channels - (alpha == nil ? 0 : 1)
    if colors == 3, wanted == 1 {
      target[0] = Level.gray(color(0), color(1), color(2))
    } else {
      for channel in 0..<wanted { target[channel] = color(colors == 1 ? 0 : channel) }
    }
    if let alpha { target[wanted] = alpha }
  }
}

/// What a channel is stored as, from 0 to `highest`.
protocol PixelLevel {
  static var highest: Self { get }
  /// - Parameter fraction: 0 … 1.
  init(fraction: Float)
  /// This level where `alpha` covers, `background` where it does not.
  func composed(_ alpha: Self, on background: Self) -> Self
  /// The level before it was multiplied by `alpha`.
  func divided(by alpha: Self) -> Self
  /// (299 red + 587 green + 114 blue) / 1000, in 1/65536.
  static func gray(_ red: Self, _ green: Self, _ blue: Self) -> Self
}

extension PixelLevel where Self: FixedWidthInteger & UnsignedInteger {
  static var highest: Self { .max }

  init(fraction: Float) { self.init((fraction * Float(Self.max)).rounded(.toNearestOrEven)) }

  func composed(_ alpha: Self, on background: Self) -> Self {
    let highest = Int(Self.max)
    return Self((Int(self) * Int(alpha) + Int(background) * (highest - Int(alpha)) + highest / 2) / highest)
  }

  func divided(by alpha: Self) -> Self {
    guard alpha > 0 else { return 0 }
    let level = (Int(self) * Int(Self.max) + Int(alpha) / 2) / Int(alpha)
    return level < Int(Self.max) ? Self(level) : .max
  }

  static func gray(_ red: Self, _ green: Self, _ blue: Self) -> Self {
    let (red, green, blue) = (Int(red), Int(green), Int(blue))
    return Self((19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16)
  }
}

extension UInt8: PixelLevel {}
extension UInt16: PixelLevel {}

extension Float: PixelLevel {
  static var highest: Float { 1 }
  init(fraction: Float) { self = fraction }
  func composed(_ alpha: Float, on background: Float) -> Float { self * alpha + background * (1 - alpha) }
  func divided(by alpha: Float) -> Float { alpha > 0 ? Float.minimum(self / alpha, 1) : 0 }
  static func gray(_ red: Float, _ green: Float, _ blue: Float) -> Float {
    let sum: Float = 19595 * red + 38470 * green + 7471 * blue
    return sum / 65536
  }
}
