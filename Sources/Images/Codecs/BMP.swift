extension ImageCodec {
  /// BMP without compression to uint8 RGB, or RGBA where its header gives alpha a mask: 1, 4 and 8 bits with a palette,
  /// 24 and 32 bits.
  static let bmp = ImageCodec(
    name: "BMP", endings: ["bmp"], signatures: [text("BM")],
    header: { try BMPFile($0).header },
    decode: { file, _, part, pixels in try BMPFile(file).read(part.rectangle, into: pixels) })
}

private struct BMPFile {
  let header: ImageHeader
  private let bits: Int
  /// The first row of the file is the picture's last.
  private let isBottomUp: Bool
  private let rows: StoredRows
  /// Blue, green, red and a filling byte each.
  private var palette: ArraySlice<UInt8> = []

  private static let fileHeader = 14

  init(_ file: [UInt8]) throws {
    let numbers = ByteReader(bytes: file[...], isLittleEndian: true)
    guard let start = numbers.number(at: 10, bytes: 4), let size = numbers.number(at: 14, bytes: 4), size >= 40,
      let width = numbers.number(at: 18, bytes: 4), let height = numbers.number(at: 22, bytes: 4),
      let bits = numbers.number(at: 28, bytes: 2), let compression = numbers.number(at: 30, bytes: 4),
      let colors = numbers.number(at: 46, bytes: 4)
    else { throw damaged("its header is cut short or older than that of Windows 3") }
    let signedHeight = Int(Int32(truncatingIfNeeded: height))
    (isBottomUp, self.bits) = (signedHeight > 0, bits)
    let alpha = try Self.hasAlpha(numbers, headerSize: size, bits: bits, compression: compression)
    header = ImageHeader(
      height: abs(signedHeight), width: width, channels: alpha ? 4 : 3, alpha: alpha ? .straight : .none)
    rows = StoredRows(file: file, start: start, stride: (bits * width + 31) / 32 * 4)
    guard width > 0, width < 1 << 31, header.height > 0, rows.holds(rows: header.height, of: (bits * width + 7) / 8)
    else { throw damaged("it ends early: its header says \(width)×\(header.height) pixels of \(bits) bits") }
    if bits <= 8 {
      let count = colors == 0 ? 1 << bits : min(colors, 1 << bits)
      let begin = Self.fileHeader + size
      guard begin <= file.count - 4 * count else { throw damaged("its palette is cut short") }
      palette = file[begin..<(begin + 4 * count)]
    }
  }

  /// Whether a fourth channel is alpha, for the layouts that are read.
  private static func hasAlpha(_ numbers: ByteReader, headerSize: Int, bits: Int, compression: Int) throws -> Bool {
    if compression == 0, [1, 4, 8, 24, 32].contains(bits) { return false }
    let masks = (0..<4).map { numbers.number(at: 54 + 4 * $0, bytes: 4) }
    if compression == 3, bits == 32, Array(masks[..<3]) == [0xFF0000, 0xFF00, 0xFF] {
      return headerSize >= 56 && masks[3] == 0xFF00_0000
    }
    throw damaged(
      "its pixels have \(bits) bits in compression \(compression), wanted 1, 4, 8, 24 or 32 bits without compression")
  }

  func read(_ part: PixelRectangle, into pixels: UnsafeMutableRawBufferPointer) throws {
    var stored = part
    if isBottomUp { stored.top = header.height - part.top - part.height }
    let target = pixels.bindMemory(to: UInt8.self)
    var highest = -1
    rows.forEachRow(of: stored) { row, y in
      let place = (isBottomUp ? part.height - 1 - y : y) * part.width * header.channels
      for x in 0..<part.width {
        let pixel = place + x * header.channels
        if bits <= 8 {
          let index = number(row, part.left + x)
          highest = max(highest, index)
          guard 4 * index + 4 <= palette.count else { continue }
          for c in 0..<3 { target[pixel + c] = palette[palette.startIndex + 4 * index + 2 - c] }
        } else {
          let from = row + (part.left + x) * (bits / 8)
          for c in 0..<3 { target[pixel + c] = from[2 - c] }
          if header.channels == 4 { target[pixel + 3] = from[3] }
        }
      }
    }
    if bits <= 8, 4 * highest + 4 > palette.count {
      throw damaged("a pixel has colour \(highest), its palette has \(palette.count / 4)")
    }
  }

  /// The number of 1, 4 or 8 bits at `index`, the highest bits of a byte first.
  private func number(_ row: UnsafePointer<UInt8>, _ index: Int) -> Int {
    let bit = index * bits
    return Int(row[bit / 8]) >> (8 - bits - bit % 8) & (1 << bits - 1)
  }
}

private func damaged(_ problem: String) -> ImageFileError { .damaged(format: "BMP", problem: problem) }
