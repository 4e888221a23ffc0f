/// Numbers in a file's bytes; nil where the file ends before them.
struct ByteReader {
  let bytes: ArraySlice<UInt8>
  let isLittleEndian: Bool

  func number(at offset: Int, bytes count: Int) -> Int? {
    guard offset >= 0, offset <= bytes.count - count else { return nil }
    let start = bytes.startIndex + offset
    return (0..<count).reduce(0) { value, place in
      value << 8 | Int(bytes[start + (isLittleEndian ? count - 1 - place : place)])
    }
  }
}

/// Numbers in rows that lie in a file one after another.
struct StoredRows {
  let file: [UInt8]
  /// Where the first row begins, and bytes from one to the next.
  let start: Int
  let stride: Int

  /// Calls `body` for each row of `part` with the row's bytes in the file, from the first column on, and the row's
  /// number in the part. The caller has seen that the file is long enough.
  func forEachRow(of part: PixelRectangle, _ body: (UnsafePointer<UInt8>, Int) -> Void) {
    file.withUnsafeBufferPointer { file in
      guard let base = file.baseAddress else { return }
      for row in 0..<part.height { body(base + start + (part.top + row) * stride, row) }
    }
  }

  /// Whether the file holds `count` rows of `bytes` bytes.
  func holds(rows count: Int, of bytes: Int) -> Bool {
    start >= 0 && stride >= bytes && count > 0 && start <= file.count - bytes
      && (file.count - bytes - start) / stride >= count - 1
  }
}
