/// How the camera was held: TIFF's and EXIF's tag 0x0112.
struct Orientation: Equatable, Sendable {
  /// 1 … 8; 1 is upright.
  let value: Int

  static let upright = Orientation(value: 1)

  /// Rows of the upright image run along columns of the stored one.
  var isTransposed: Bool { value >= 5 }
  /// The upright image's first row lies at the stored one's bottom (at its right side when transposed).
  var isRowReversed: Bool { [3, 4, 7, 8].contains(value) }
  /// The upright image's first column lies at the stored one's right (at its bottom when transposed).
  var isColumnReversed: Bool { [2, 3, 6, 7].contains(value) }

  init(value: Int) { self.value = 1...8 ~= value ? value : 1 }

  /// The one in a TIFF structure (what EXIF is stored as); upright where there is none that can be read.
  init(tiff: ArraySlice<UInt8>?) {
    self.init(value: tiff.flatMap { Self.read($0) } ?? 1)
  }

  private static func read(_ tiff: ArraySlice<UInt8>) -> Int? {
    let isLittleEndian = tiff.starts(with: [0x49, 0x49])
    guard isLittleEndian || tiff.starts(with: [0x4D, 0x4D]) else { return nil }
    let numbers = ByteReader(bytes: tiff, isLittleEndian: isLittleEndian)
    guard numbers.number(at: 2, bytes: 2) == 42, let directory = numbers.number(at: 4, bytes: 4),
      let entries = numbers.number(at: directory, bytes: 2)
    else { return nil }
    for entry in 0..<entries {
      let place = directory + 2 + entry * 12
      guard let tag = numbers.number(at: place, bytes: 2) else { return nil }
      if tag == 0x0112 { return numbers.number(at: place + 8, bytes: 2) }
    }
    return nil
  }

  /// Where a part of the upright image lies in the stored one of `height` × `width` pixels.
  func stored(_ part: PixelRectangle, height: Int, width: Int) -> PixelRectangle {
    var (down, across) = ((part.top, part.height), (part.left, part.width))
    if isTransposed { swap(&down, &across) }
    let (isDownReversed, isAcrossReversed) =
      isTransposed ? (isColumnReversed, isRowReversed) : (isRowReversed, isColumnReversed)
    return PixelRectangle(
      top: isDownReversed ? height - down.0 - down.1 : down.0,
      left: isAcrossReversed ? width - across.0 - across.1 : across.0, height: down.1, width: across.1)
  }
}

extension Image {
  /// The upright image.
  ///
  /// - Throws: `ImageError.memory`.
  func turned(_ orientation: Orientation) throws -> Image {
    guard orientation != .upright else { return self }
    let (newHeight, newWidth) = orientation.isTransposed ? (width, height) : (height, width)
    let size = channels * element.stride
    let (down, across) = orientation.isTransposed ? (size, rowBytes) : (rowBytes, size)
    let (rowStep, columnStep) = (
      orientation.isRowReversed ? -down : down, orientation.isColumnReversed ? -across : across
    )
    let corner =
      start + (rowStep < 0 ? (newHeight - 1) * down : 0) + (columnStep < 0 ? (newWidth - 1) * across : 0)
    let turned = try PixelMemory(element, count: height * width * channels) { pixels in
      guard var target = pixels.baseAddress else { return }
      for y in 0..<newHeight {
        for x in 0..<newWidth {
          target.copyMemory(from: corner + y * rowStep + x * columnStep, byteCount: size)
          target += size
        }
      }
    }
    return try Image(memory: turned, height: newHeight, width: newWidth, channels: channels)
  }
}
