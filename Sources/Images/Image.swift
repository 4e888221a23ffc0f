import Compute

/// One image [H, W, C]: channels interleaved, uint8 (0 … 255), uint16 (0 … 65535) or float32 (0 … 1). A cropped image
/// shares its source's memory.
public struct Image: Sendable {
  public let height: Int
  public let width: Int
  public let channels: Int
  let memory: PixelMemory
  /// Elements before the first pixel, and from one row to the next.
  let offset: Int
  let rowStride: Int

  public var element: PixelElement { memory.element }

  /// The image whose `height · width · channels` elements start at `offset` of `memory`. Values are not looked at.
  ///
  /// - Throws: `ImageError.shape` where the memory is shorter or a dimension is not positive.
  public init(memory: PixelMemory, offset: Int = 0, height: Int, width: Int, channels: Int) throws {
    guard let count = pixelCount([height, width, channels]), offset >= 0, offset <= memory.count - count else {
      throw ImageError.shape([height, width, channels], count: memory.count - max(offset, 0))
    }
    (self.height, self.width, self.channels) = (height, width, channels)
    self.memory = memory
    self.offset = offset
    rowStride = width * channels
  }

  /// An image with a copy of `bytes` [height, width, channels].
  ///
  /// - Throws: `ImageError.shape` where the counts differ.
  public init(bytes: [UInt8], height: Int, width: Int, channels: Int) throws {
    guard pixelCount([height, width, channels]) == bytes.count else {
      throw ImageError.shape([height, width, channels], count: bytes.count)
    }
    try self.init(memory: PixelMemory(bytes), height: height, width: width, channels: channels)
  }

  /// An image with a copy of `floats` [height, width, channels], each in 0 … 1.
  ///
  /// - Throws: `ImageError.shape` where the counts differ, `ImageError.value` for a value outside 0 … 1 or not a
  ///   number.
  public init(floats: [Float], height: Int, width: Int, channels: Int) throws {
    guard pixelCount([height, width, channels]) == floats.count else {
      throw ImageError.shape([height, width, channels], count: floats.count)
    }
    try self.init(memory: PixelMemory(floats), height: height, width: width, channels: channels)
    if let value = valueOutOfRange() { throw ImageError.value(value) }
  }

  private init(_ source: Image, _ rectangle: PixelRectangle) {
    (height, width, channels) = (rectangle.height, rectangle.width, source.channels)
    memory = source.memory
    offset = source.offset + rectangle.top * source.rowStride + rectangle.left * source.channels
    rowStride = source.rowStride
  }

  /// The part inside `rectangle`, without copying.
  ///
  /// - Throws: `ImageError.box` where the rectangle is empty or leaves the image.
  public func cropped(to rectangle: PixelRectangle) throws -> Image {
    guard rectangle.isWithin(height: height, width: width) else {
      throw ImageError.box("\(rectangle)", height: height, width: width)
    }
    return Image(self, rectangle)
  }

  /// A copy of the elements of an uint8 image, [height, width, channels]; nil for another image.
  public var bytes: [UInt8]? { element == .uint8 ? elements(of: UInt8.self) : nil }
  /// A copy of the elements of an uint16 image, [height, width, channels]; nil for another image.
  public var words: [UInt16]? { element == .uint16 ? elements(of: UInt16.self) : nil }
  /// A copy of the elements of a float32 image, [height, width, channels]; nil for another image.
  public var floats: [Float]? { element == .float32 ? elements(of: Float.self) : nil }

  /// Writes the elements as float32 in 0 … 1, [height, width, channels].
  public func copyFloats(to output: UnsafeMutablePointer<Float>) {
    let length = width * channels
    for y in 0..<height {
      let target = output + y * length
      switch element {
      case .float32: target.update(from: row(y, of: Float.self), count: length)
      case .uint8:
        let source = row(y, of: UInt8.self)
        for index in 0..<length { target[index] = Float(source[index]) * (1 / 255) }
      case .uint16:
        let source = row(y, of: UInt16.self)
        for index in 0..<length { target[index] = Float(source[index]) * (1 / 65535) }
      }
    }
  }

  /// The first value of a float32 image that is not within 0 … 1 (not a number included).
  func valueOutOfRange() -> Float? {
    guard element == .float32 else { return nil }
    for y in 0..<height {
      let row = UnsafeBufferPointer(start: row(y, of: Float.self), count: width * channels)
      var isFine = true
      for value in row { isFine = isFine && value >= 0 && value <= 1 }
      if !isFine { return row.first { !($0 >= 0 && $0 <= 1) } }
    }
    return nil
  }

  /// The first pixel, and bytes from one row to the next.
  var start: UnsafeRawPointer { memory.start + offset * element.stride }
  var rowBytes: Int { rowStride * element.stride }

  func row<Element>(_ y: Int, of type: Element.Type) -> UnsafePointer<Element> {
    memory.start.assumingMemoryBound(to: Element.self) + offset + y * rowStride
  }

  private func elements<Element>(of type: Element.Type) -> [Element] {
    var elements: [Element] = []
    elements.reserveCapacity(height * width * channels)
    for y in 0..<height {
      elements.append(contentsOf: UnsafeBufferPointer(start: row(y, of: type), count: width * channels))
    }
    return elements
  }
}

/// How many values an image or batch of these sizes holds; nil where a size is not positive or no memory could hold
/// them.
func pixelCount(_ sizes: [Int]) -> Int? {
  guard sizes.allSatisfy({ $0 > 0 }), let count = elementCount(sizes), count < 1 << 61 else { return nil }
  return count
}
