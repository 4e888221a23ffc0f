extension ImageCodec {
  /// An array of NumPy, [H, W, C] or [H, W], of uint8, uint16 or float32 (0 … 1); as labels [H, W] of any integers.
  ///
  /// Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
  static let npy = ImageCodec(
    name: "NPY", endings: ["npy"], signatures: [[0x93] + text("NUMPY")],
    header: { try NPYFile($0).header },
    decode: { file, _, part, pixels in try NPYFile(file).read(part.rectangle, into: pixels) },
    labels: { try NPYLabels($0).map })
}

/// What stands before an array's values: a dictionary as Python writes it.
private struct NPYHeader {
  /// "<u2": the order of bytes, the kind and the size.
  let type: Substring
  /// Two or three sizes.
  let shape: [Int]
  /// Where the values begin.
  let start: Int

  /// Bytes. NumPy's limit; an array of numbers has 128.
  private static let longest = 10000

  init(_ file: [UInt8]) throws {
    let numbers = ByteReader(bytes: file[...], isLittleEndian: true)
    let sizeBytes = file.count > 6 && file[6] == 1 ? 2 : 4
    guard let length = numbers.number(at: 8, bytes: sizeBytes), length <= file.count - 8 - sizeBytes else {
      throw damaged("its header is cut short")
    }
    guard length <= Self.longest else {
      throw damaged("its header has \(length) bytes, wanted at most \(Self.longest), as NumPy reads")
    }
    start = 8 + sizeBytes + length
    let fields = String(decoding: file[(8 + sizeBytes)..<start], as: UTF8.self)
    type = Self.value(of: "descr", fields)?.dropFirst().prefix { $0 != "'" && $0 != "\"" } ?? ""
    guard Self.value(of: "fortran_order", fields)?.hasPrefix("False") == true else {
      throw damaged("its values are stored column by column: np.save of np.ascontiguousarray(array) is read")
    }
    shape = try Self.shape(fields)
  }

  /// What stands behind a key.
  private static func value(of key: String, _ fields: String) -> Substring? {
    for quote in ["'", "\""] {
      guard let name = fields.firstRange(of: quote + key + quote),
        let colon = fields[name.upperBound...].firstIndex(of: ":")
      else { continue }
      return fields[fields.index(after: colon)...].drop { $0 == " " }
    }
    return nil
  }

  private static func shape(_ fields: String) throws -> [Int] {
    let tuple = value(of: "shape", fields)?.dropFirst().prefix { $0 != ")" } ?? ""
    let sizes = tuple.split(separator: ",").map { Int($0.filter { $0 != " " && $0 != "L" }) ?? 0 }
    guard 2...3 ~= sizes.count, sizes.allSatisfy({ 1...(1 << 31) ~= $0 }) else {
      throw damaged("its shape is (\(tuple.prefix(80))), wanted (height, width, channels) or (height, width)")
    }
    return sizes
  }
}

private struct NPYFile {
  let header: ImageHeader
  private let isSwapped: Bool
  private let rows: StoredRows

  init(_ file: [UInt8]) throws {
    let found = try NPYHeader(file)
    let (element, isSwapped) = try Self.element(found.type)
    let shape = found.shape
    self.isSwapped = isSwapped
    header = ImageHeader(height: shape[0], width: shape[1], channels: shape.count == 3 ? shape[2] : 1, element: element)
    let row = header.width.multipliedReportingOverflow(by: header.channels * element.stride)
    rows = StoredRows(file: file, start: found.start, stride: row.partialValue)
    guard !row.overflow, rows.holds(rows: header.height, of: row.partialValue) else {
      throw damaged("it ends early: its header says \(shape)")
    }
  }

  private static func element(_ type: Substring) throws -> (PixelElement, isSwapped: Bool) {
    switch type {
    case "|u1", "<u1", ">u1": return (.uint8, false)
    case "<u2", ">u2": return (.uint16, type.first == ">")
    case "<f4", ">f4": return (.float32, type.first == ">")
    default: throw damaged("its type is '\(type.prefix(40))', wanted uint8, uint16 or float32")
    }
  }

  func read(_ part: PixelRectangle, into pixels: UnsafeMutableRawBufferPointer) {
    let pixel = header.channels * header.element.stride
    let bytes = part.width * pixel
    rows.forEachRow(of: part) { row, y in
      let target = UnsafeMutableRawBufferPointer(rebasing: pixels[(y * bytes)..<((y + 1) * bytes)])
      target.copyMemory(from: UnsafeRawBufferPointer(start: row + part.left * pixel, count: bytes))
      if isSwapped { swapBytes(target, size: header.element.stride) }
    }
  }

  private func swapBytes(_ values: UnsafeMutableRawBufferPointer, size: Int) {
    for first in stride(from: 0, to: values.count, by: size) {
      for byte in 0..<(size / 2) { values.swapAt(first + byte, first + size - 1 - byte) }
    }
  }
}

/// An array [H, W] of truth values or integers of any size.
private struct NPYLabels {
  let map: LabelMap

  private static let sizes = ["b1": 1, "i1": 1, "u1": 1, "i2": 2, "u2": 2, "i4": 4, "u4": 4, "i8": 8, "u8": 8]

  init(_ file: [UInt8]) throws {
    let header = try NPYHeader(file)
    let kind = header.type.dropFirst()
    guard let bytes = Self.sizes[String(kind)] else {
      throw ImageFileError.noLabels(format: "NPY", "its type is '\(header.type.prefix(40))'")
    }
    guard header.shape.count == 2 || header.shape[2] == 1 else {
      throw ImageFileError.noLabels(format: "NPY", "its shape is \(header.shape)")
    }
    let numbers = ByteReader(bytes: file[header.start...], isLittleEndian: header.type.first != ">")
    guard header.shape[1] <= numbers.bytes.count / bytes / header.shape[0] else {
      throw damaged("it ends early: its header says \(header.shape)")
    }
    map = try LabelMap(height: header.shape[0], width: header.shape[1]) { labels in
      let unused = 64 - 8 * bytes
      for index in labels.indices {
        let bits = numbers.number(at: index * bytes, bytes: bytes) ?? 0
        let isSigned = kind.first == "i"
        // Of 8 bytes without a sign, what is too large is negative here.
        guard let label = Int32(exactly: isSigned ? (bits << unused) >> unused : bits), isSigned || bits >= 0 else {
          let row = index / header.shape[1]
          throw ImageFileError.noLabels(format: "NPY", "a number in row \(row) has more than 31 bits")
        }
        labels[index] = label
      }
    }
  }
}

private func damaged(_ problem: String) -> ImageFileError { .damaged(format: "NPY", problem: problem) }
