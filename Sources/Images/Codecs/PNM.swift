extension ImageCodec {
  /// Binary PGM and PPM (P5, P6) to uint8, or uint16 where the greatest value is above 255; values are scaled to the
  /// whole range.
  static let pnm = ImageCodec(
    name: "PGM or PPM", endings: ["ppm", "pgm", "pnm"],
    signatures: [text("P5"), text("P6")].flatMap { mark in [0x0A, 0x0D, 0x20, 0x09].map { mark + [$0] } },
    header: { try PNMFile($0).header },
    decode: { file, _, part, pixels in try PNMFile(file).read(part.rectangle, into: pixels) },
    labels: { try PNMFile($0).labels($0) })
}

private struct PNMFile {
  let header: ImageHeader
  private let highest: Int
  private let rows: StoredRows

  init(_ file: [UInt8]) throws {
    var place = 2
    let sizes = try (0..<3).map { _ in try Self.number(file, &place) }
    let (width, height, highest) = (sizes[0], sizes[1], sizes[2])
    guard 1...65535 ~= highest else { throw damaged("its greatest value is \(highest), wanted 1 … 65535") }
    let element = highest > 255 ? PixelElement.uint16 : .uint8
    header = ImageHeader(height: height, width: width, channels: file[1] == UInt8(ascii: "6") ? 3 : 1, element: element)
    self.highest = highest
    let (stride, overflows) = (header.channels * element.stride).multipliedReportingOverflow(by: width)
    // One white space stands before the pixels.
    rows = StoredRows(file: file, start: place + 1, stride: stride)
    guard width > 0, height > 0, !overflows, rows.holds(rows: height, of: stride) else {
      throw damaged("it ends early: its header says \(width)×\(height) pixels")
    }
  }

  /// The next decimal number of the header; comments run from # to the end of the line.
  private static func number(_ file: [UInt8], _ place: inout Int) throws -> Int {
    while place < file.count, !(0x30...0x39 ~= file[place]) {
      if file[place] == UInt8(ascii: "#") { while place < file.count, file[place] != 0x0A { place += 1 } }
      guard place < file.count, [0x20, 0x09, 0x0A, 0x0B, 0x0C, 0x0D].contains(file[place]) else {
        throw damaged("its header is no width, height and greatest value")
      }
      place += 1
    }
    var value = 0
    while place < file.count, 0x30...0x39 ~= file[place] {
      value = min(value * 10 + Int(file[place] - 0x30), 1 << 40)
      place += 1
    }
    return value
  }

  func read(_ part: PixelRectangle, into pixels: UnsafeMutableRawBufferPointer) {
    let (first, count) = (part.left * header.channels, part.width * header.channels)
    switch header.element {
    case .uint16:
      let target = pixels.bindMemory(to: UInt16.self)
      rows.forEachRow(of: part) { row, y in
        for index in 0..<count {
          let value = Int(row[2 * (first + index)]) << 8 | Int(row[2 * (first + index) + 1])
          target[y * count + index] = UInt16(scaled(value, to: 65535))
        }
      }
    default:
      let target = pixels.bindMemory(to: UInt8.self)
      rows.forEachRow(of: part) { row, y in
        for index in 0..<count { target[y * count + index] = UInt8(scaled(Int(row[first + index]), to: 255)) }
      }
    }
  }

  /// The numbers as they stand in the file.
  func labels(_ file: [UInt8]) throws -> LabelMap {
    guard header.channels == 1 else { throw ImageFileError.noLabels(format: "PGM or PPM", "its pixels are colours") }
    let bytes = header.element.stride
    return try LabelMap(height: header.height, width: header.width) { labels in
      for index in labels.indices {
        let place = rows.start + index * bytes
        labels[index] = bytes == 1 ? Int32(file[place]) : Int32(file[place]) << 8 | Int32(file[place + 1])
      }
    }
  }

  private func scaled(_ value: Int, to wanted: Int) -> Int {
    (min(value, highest) * wanted + highest / 2) / highest
  }
}

private func damaged(_ problem: String) -> ImageFileError { .damaged(format: "PGM or PPM", problem: problem) }
