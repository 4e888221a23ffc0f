/// How the camera was held: EXIF's orientation (tag 0x0112).
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

  /// The one that a JPEG file's EXIF segment gives; upright where there is none that can be read.
  init(ofJPEG file: [UInt8]) {
    self.init(value: exifSegment(file).flatMap { readOrientation($0) } ?? 1)
  }
}

/// The TIFF structure inside a JPEG file's EXIF segment.
private func exifSegment(_ file: [UInt8]) -> ArraySlice<UInt8>? {
  var place = 2
  while place + 4 <= file.count, file[place] == 0xFF {
    let marker = file[place + 1]
    if marker == 0xFF {  // a fill byte
      place += 1
      continue
    }
    // The picture's data begin: no more segments.
    if marker == 0xDA || marker == 0xD9 { return nil }
    let end = place + 2 + (Int(file[place + 2]) << 8 | Int(file[place + 3]))
    guard end >= place + 4, end <= file.count else { return nil }
    let content = file[(place + 4)..<end]
    if marker == 0xE1, content.starts(with: [0x45, 0x78, 0x69, 0x66, 0, 0]) { return content.dropFirst(6) }
    place = end
  }
  return nil
}

private func readOrientation(_ tiff: ArraySlice<UInt8>) -> Int? {
  let isLittleEndian = tiff.starts(with: [0x49, 0x49])
  guard isLittleEndian || tiff.starts(with: [0x4D, 0x4D]) else { return nil }
  func number(at offset: Int, bytes: Int) -> Int? {
    guard offset >= 0, offset + bytes <= tiff.count else { return nil }
    let digits = tiff[(tiff.startIndex + offset)..<(tiff.startIndex + offset + bytes)]
    return (isLittleEndian ? Array(digits.reversed()) : Array(digits)).reduce(0) { $0 << 8 | Int($1) }
  }
  guard number(at: 2, bytes: 2) == 42, let directory = number(at: 4, bytes: 4),
    let entries = number(at: directory, bytes: 2)
  else { return nil }
  for entry in 0..<entries {
    let place = directory + 2 + entry * 12
    guard let tag = number(at: place, bytes: 2) else { return nil }
    if tag == 0x0112 { return number(at: place + 8, bytes: 2) }
  }
  return nil
}

extension Image {
  /// The upright image, for an uint8 image whose rows are contiguous.
  func turned(_ orientation: Orientation) throws -> Image {
    guard orientation != .upright, element == .uint8 else { return self }
    let (newHeight, newWidth) = orientation.isTransposed ? (width, height) : (height, width)
    let source = row(0, of: UInt8.self)
    let (down, across) = orientation.isTransposed ? (channels, rowStride) : (rowStride, channels)
    let (rowStep, columnStep) = (
      orientation.isRowReversed ? -down : down, orientation.isColumnReversed ? -across : across
    )
    let corner = source + (rowStep < 0 ? (newHeight - 1) * down : 0) + (columnStep < 0 ? (newWidth - 1) * across : 0)
    let turned = try PixelMemory(.uint8, count: height * width * channels) { pixels in
      guard var target = pixels.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
      for y in 0..<newHeight {
        for x in 0..<newWidth {
          let pixel = corner + y * rowStep + x * columnStep
          for channel in 0..<channels { target[channel] = pixel[channel] }
          target += channels
        }
      }
    }
    return try Image(memory: turned, height: newHeight, width: newWidth, channels: channels)
  }
}
