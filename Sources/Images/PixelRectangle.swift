/// Whole pixels: rows top ..< top + height, columns left ..< left + width.
public struct PixelRectangle: Sendable, Equatable {
  public var top: Int
  public var left: Int
  public var height: Int
  public var width: Int

  public init(top: Int, left: Int, height: Int, width: Int) {
    (self.top, self.left, self.height, self.width) = (top, left, height, width)
  }

  /// Whether it holds a pixel and lies within an image of `height` × `width` pixels.
  func isWithin(height: Int, width: Int) -> Bool {
    top >= 0 && left >= 0 && self.height > 0 && self.width > 0 && self.height <= height && top <= height - self.height
      && self.width <= width && left <= width - self.width
  }
}
