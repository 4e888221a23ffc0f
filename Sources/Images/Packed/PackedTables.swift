import Compute
import Files

/// What a packed file says of its images, read once and checked, so that no number of it leads out of the file.
///
/// Tensors (docs/images.md): `files` uint8, the image files one after another; `offsets` int64 [N + 1], where each
/// begins in it; `checksums` uint32 [N], the CRC-32 of each; `names` uint8 with `name_offsets` int64 [N + 1]; where
/// classes are known, `labels` int64 [N]; where they have names, `class_names` uint8 with `class_name_offsets`.
struct PackedTables {
  let offsets: [Int]
  let checksums: [UInt32]
  let names: PathTable
  let labels: [Int]?
  let classes: [FilePath]

  static let (format, version) = ("latentmim.packed", "1")

  /// - Parameter prefix: stands before each of `names`.
  /// - Throws: `PackedError`, `SafetensorsError`, `FileError`, `OutOfMemory`, `DatasetError.labels`.
  init(_ file: SafetensorsFile, path: String, prefix: FilePath) throws {
    guard file.metadata["format"] == Self.format else {
      let found = file.metadata["format"].map { "its format is '\($0.prefix(40))'" } ?? "it names no format"
      throw PackedError.other(path: path, problem: "\(found), wanted '\(Self.format)'")
    }
    guard file.metadata["version"] == Self.version else {
      let found = file.metadata["version"].map { "'\($0.prefix(40))'" } ?? "missing"
      throw PackedError.other(path: path, problem: "its version is \(found), wanted '\(Self.version)'")
    }
    let reader = TableReader(file: file, path: path)
    offsets = try reader.offsets("offsets", into: "files")
    let count = offsets.count - 1
    guard count > 0 else { throw DatasetError.noFiles }
    checksums = try reader.numbers("checksums", .u32, count: count) { (value: UInt32) in value }
    names = try reader.names("names", "name_offsets", count: count, prefix: prefix)
    classes = try file.contains("class_names") ? reader.classes() : []
    labels =
      try file.contains("labels") ? reader.numbers("labels", .i64, count: count) { (value: Int64) in Int(value) } : nil
    if let labels { try checkLabels(labels, images: count, classes.map(\.text)) }
  }
}

private struct TableReader {
  let file: SafetensorsFile
  let path: String

  /// Numbers of a tensor [count]; any count where none is given.
  func numbers<Stored: FixedWidthInteger, Number>(
    _ name: String, _ type: SafetensorsType, count: Int? = nil, _ convert: (Stored) -> Number
  ) throws -> [Number] {
    let (found, shape) = try (file.type(of: name), file.shape(of: name))
    guard found == type, shape.count == 1, count == nil || shape[0] == count else {
      let wanted = "\(type.rawValue) [\(count.map { "\($0)" } ?? "*")]"
      throw PackedError.tensor(path: path, name: name, problem: "is \(found.rawValue) \(shape), wanted \(wanted)")
    }
    try OutOfMemory.check(for: shape[0], of: (Stored, Number).self)
    let bytes = try file.bytes(name)
    return bytes.withUnsafeBytes { bytes in
      (0..<shape[0]).map {
        convert(
          Stored(littleEndian: bytes.loadUnaligned(fromByteOffset: $0 * MemoryLayout<Stored>.size, as: Stored.self)))
      }
    }
  }

  /// Where each of some pieces begins in the uint8 tensor `target`, and where the last ends.
  func offsets(_ name: String, into target: String, count: Int? = nil) throws -> [Int] {
    let offsets = try numbers(name, .i64, count: count.map { $0 + 1 }) { (value: Int64) in Int(value) }
    let (type, shape) = try (file.type(of: target), file.shape(of: target))
    guard type == .u8, shape.count == 1 else {
      throw PackedError.tensor(path: path, name: target, problem: "is \(type.rawValue) \(shape), wanted U8 [*]")
    }
    guard offsets.first == 0 else {
      throw PackedError.tensor(path: path, name: name, problem: "begins with \(offsets.first ?? -1), wanted 0")
    }
    for index in 1..<offsets.count where offsets[index] < offsets[index - 1] || offsets[index] > shape[0] {
      let problem = "goes from \(offsets[index - 1]) to \(offsets[index]), wanted rising numbers to \(shape[0])"
      throw PackedError.tensor(path: path, name: name, problem: problem)
    }
    return offsets
  }

  func names(_ name: String, _ offsetsName: String, count: Int? = nil, prefix: FilePath) throws -> PathTable {
    let offsets = try offsets(offsetsName, into: name, count: count)
    let table = PathTable()
    let bytes = try file.bytes(name)
    guard !bytes.contains(0) else {
      throw PackedError.tensor(path: path, name: name, problem: "holds a zero byte, which no name has")
    }
    try bytes.withUnsafeBytes { bytes in
      try prefix.bytes.withUnsafeBytes { prefix in
        for (start, end) in zip(offsets, offsets.dropFirst()) {
          try table.append([prefix, UnsafeRawBufferPointer(rebasing: bytes[start..<end])])
        }
      }
    }
    return table
  }

  func classes() throws -> [FilePath] {
    let table = try names("class_names", "class_name_offsets", prefix: FilePath(""))
    try OutOfMemory.check(for: table.count, of: FilePath.self)
    return (0..<table.count).map { table[$0] }
  }
}
