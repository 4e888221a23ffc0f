import Compute

/// The element types of the format. Types of less than a byte are not known here.
public enum SafetensorsType: String, Sendable, CaseIterable {
  case f64 = "F64"
  case c64 = "C64"
  case f32 = "F32"
  case f16 = "F16"
  case bf16 = "BF16"
  case i64 = "I64"
  case i32 = "I32"
  case i16 = "I16"
  case i8 = "I8"
  case u64 = "U64"
  case u32 = "U32"
  case u16 = "U16"
  case u8 = "U8"
  case bool = "BOOL"
  case f8e4m3 = "F8_E4M3"
  case f8e5m2 = "F8_E5M2"

  /// Whether tensors of this type can be read as floats.
  public var isFloating: Bool { [.f64, .f32, .f16, .bf16].contains(self) }

  /// Bytes an element takes.
  public var byteCount: Int {
    switch self {
    case .f64, .i64, .u64, .c64: 8
    case .f32, .i32, .u32: 4
    case .f16, .bf16, .i16, .u16: 2
    case .i8, .u8, .bool, .f8e4m3, .f8e5m2: 1
    }
  }
}

/// What a file's header says of its tensors, checked against the bytes that are there.
struct SafetensorsHeader: Sendable {
  struct Entry: Sendable {
    let type: SafetensorsType
    let shape: [Int]
    /// Bytes of the file's data part, the one behind the header.
    let range: Range<Int>

    var count: Int { range.count / type.byteCount }
  }

  /// Bytes a header has at most: the limit of the format's own library.
  static let longest = 100_000_000
  /// The key that holds free text instead of a tensor.
  static let metadataKey = "__metadata__"

  let entries: [String: Entry]
  let metadata: [String: String]

  /// - Parameters:
  ///   - json: the header's bytes.
  ///   - dataBytes: how many bytes of the file follow it.
  ///   - path: the file's, for messages.
  /// - Throws: `SafetensorsError` when anything in it is not as the format wants or does not fit `dataBytes`.
  init(json: [UInt8], dataBytes: Int, path: String) throws {
    guard json.first == UInt8(ascii: "{") else {
      throw SafetensorsError.header(path: path, problem: "its header does not begin with '{'")
    }
    var entries: [String: Entry] = [:]
    var metadata: [String: String] = [:]
    do {
      let root = JSONCursor(try JSONValue(parsing: json, source: "header"), source: "header")
      for key in try root.keys() {
        let place = try root.member(key)
        if key == Self.metadataKey {
          for text in try place.keys() { metadata[text] = try place.member(text).string() }
        } else {
          entries[key] = try Self.entry(
            place, name: key, headerBytes: 8 + json.count, dataBytes: dataBytes, path: path)
        }
      }
    } catch let error as JSONError {
      throw SafetensorsError.header(path: path, problem: error.description)
    }
    try Self.checkCover(entries, dataBytes: dataBytes, path: path)
    self.entries = entries
    self.metadata = metadata
  }

  private static func entry(_ place: JSONCursor, name: String, headerBytes: Int, dataBytes: Int, path: String) throws
    -> Entry
  {
    let typeName = try place.member("dtype").string()
    guard let type = SafetensorsType(rawValue: typeName) else {
      throw SafetensorsError.unknownType(path: path, tensor: name, type: typeName)
    }
    let shape = try place.member("shape").elements().map { try $0.int() }
    guard let count = elementCount(shape) else {
      throw SafetensorsError.shape(path: path, tensor: name, shape: shape)
    }
    let (needed, overflows) = count.multipliedReportingOverflow(by: type.byteCount)
    guard !overflows else { throw SafetensorsError.shape(path: path, tensor: name, shape: shape) }

    let offsets = try place.member("data_offsets").elements().map { try $0.int() }
    guard offsets.count == 2 else {
      throw SafetensorsError.header(
        path: path, problem: "tensor '\(shortened(name))' has \(offsets.count) offsets, wanted 2")
    }
    let (begin, end) = (offsets[0], offsets[1])
    if 0 <= begin, begin <= end, end > dataBytes, needed == end - begin {
      let wanted = end.addingReportingOverflow(headerBytes)
      throw SafetensorsError.cutOff(
        path: path, wanted: wanted.overflow ? .max : wanted.partialValue, fileBytes: headerBytes + dataBytes)
    }
    guard 0 <= begin, begin <= end, end <= dataBytes else {
      throw SafetensorsError.offsets(
        path: path, tensor: name, begin: begin, end: end, wantedBegin: max(0, begin), dataBytes: dataBytes)
    }
    guard needed == end - begin else {
      throw SafetensorsError.byteCount(path: path, tensor: name, needed: needed, found: end - begin)
    }
    return Entry(type: type, shape: shape, range: begin..<end)
  }

  /// Each tensor begins where another ends, and the last ends with the file: no byte belongs to two, none is hidden.
  private static func checkCover(_ entries: [String: Entry], dataBytes: Int, path: String) throws {
    var covered = 0
    let inOrder = entries.sorted {
      ($0.value.range.lowerBound, $0.value.range.upperBound, $0.key)
        < ($1.value.range.lowerBound, $1.value.range.upperBound, $1.key)
    }
    for (name, entry) in inOrder {
      guard entry.range.lowerBound == covered else {
        throw SafetensorsError.offsets(
          path: path, tensor: name, begin: entry.range.lowerBound, end: entry.range.upperBound, wantedBegin: covered,
          dataBytes: dataBytes)
      }
      covered = entry.range.upperBound
    }
    guard covered == dataBytes else {
      throw SafetensorsError.leftover(path: path, described: covered, dataBytes: dataBytes)
    }
  }
}
