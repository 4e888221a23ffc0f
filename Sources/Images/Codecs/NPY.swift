extension ImageCodec {
  /// An array of NumPy, [H, W, C] or [H, W], of uint8, uint16 or float32 (0 … 1).
  ///
  /// Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
  static let npy = ImageCodec(
    name: "NPY", endings: ["npy"], signatures: [[0x93] + text("NUMPY")],
    header: { try NPYFile($0).header },
    decode: { file, _, part, pixels in try NPYFile(file).read(part.rectangle, into: pixels) })
}

private struct NPYFile {
  let header: ImageHeader
  private let isSwapped: Bool
  private let rows: StoredRows

  /// Bytes. NumPy's limit; an array of numbers has 128.
  private static let longestHeader = 10000

  init(_ file: [UInt8]) throws {
    let numbers = ByteReader(bytes: file[...], isLittleEndian: true)
    let sizeBytes = file.count > 6 && file[6] == 1 ? 2 : 4
    guard let length = numbers.number(at: 8, bytes: sizeBytes), length <= file.count - 8 - sizeBytes else {
      throw damaged("its header is cut short")
    }
    guard length <= Self.longestHeader else {
      throw damaged("its header has \(length) bytes, wanted at most \(Self.longestHeader), as NumPy reads")
    }
    let start = 8 + sizeBytes + length
    let fields = String(decoding: file[(8 + sizeBytes)..<start], as: UTF8.self)
    let (element, isSwapped) = try Self.element(fields)
    guard Self.value(of: "fortran_order", fields)?.hasPrefix("False") == true else {
      throw damaged("its values are stored column by column: np.save of np.ascontiguousarray(array) is read")
    }
    let shape = try Self.shape(fields)
    self.isSwapped = isSwapped
    header = ImageHeader(height: shape[0], width: shape[1], channels: shape.count == 3 ? shape[2] : 1, element: element)
    let row = header.width.multipliedReportingOverflow(by: header.channels * element.stride)
    rows = StoredRows(file: file, start: start, stride: row.partialValue)
    guard !row.overflow, rows.holds(rows: header.height, of: row.partialValue) else {
      throw damaged("it ends early: its header says \(shape)")
    }
  }

  /// What stands behind a key of the header, which is a dictionary as Python writes it.
  private static func value(of key: String, _ fields: String) -> Substring? {
    for quote in ["'", "\""] {
      guard let name = fields.firstRange(of: quote + key + quote),
        let colon = fields[name.upperBound...].firstIndex(of: ":")
      else { continue }
      return fields[fields.index(after: colon)...].drop { $0 == " " }
    }
    return nil
  }

  private static func element(_ fields: String) throws -> (PixelElement, isSwapped: Bool) {
    let type = value(of: "descr", fields)?.dropFirst().prefix { $0 != "'" && $0 != "\"" } ?? ""
    switch type {
    case "|u1", "<u1", ">u1": return (.uint8, false)
    case "<u2", ">u2": return (.uint16, type.first == ">")
    case "<f4", ">f4": return (.float32, type.first == ">")
    default: throw damaged("its type is '\(type.prefix(40))', wanted uint8, uint16 or float32")
    }
  }

  private static func shape(_ fields: String) throws -> [Int] {
    let tuple = value(of: "shape", fields)?.dropFirst().prefix { $0 != ")" } ?? ""
    let sizes = tuple.split(separator: ",").map { Int($0.filter { $0 != " " && $0 != "L" }) ?? 0 }
    guard 2...3 ~= sizes.count, sizes.allSatisfy({ 1...(1 << 31) ~= $0 }) else {
      throw damaged("its shape is (\(tuple.prefix(80))), wanted (height, width, channels) or (height, width)")
    }
    return sizes
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

private func damaged(_ problem: String) -> ImageFileError { .damaged(format: "NPY", problem: problem) }
