import Compute

/// A safetensors file, open for reading. The header is read and checked once; tensors
/// are read when asked for, from any thread.
public final class SafetensorsFile: Sendable {
  /// The names of all tensors, in order of their bytes.
  public let names: [String]
  /// The free text of the header, empty where there is none.
  public var metadata: [String: String] { header.metadata }

  private let file: ReadableFile
  private let header: SafetensorsHeader
  private let dataStart: Int

  /// Opens a file and checks its header against its size.
  ///
  /// - Throws: `FileError` when it cannot be read, `SafetensorsError` when it is not a whole, consistent safetensors
  ///   file.
  public init(path location: some FilePathConvertible) throws {
    file = try ReadableFile(path: location)
    let path = file.path
    let beginning = try file.bytes(at: 0, count: min(file.size, 64))
    if beginning.count < 9 || beginning[8] != UInt8(ascii: "{"), let kind = fileKind(beginning) {
      throw SafetensorsError.otherKind(path: path, kind: kind)
    }
    guard file.size >= 8 else {
      throw SafetensorsError.headerLength(path: path, length: 0, fileBytes: file.size)
    }
    let length = beginning.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    if length >= 2, length <= SafetensorsHeader.longest, length > file.size - 8,
      beginning.dropFirst(8).first == UInt8(ascii: "{")
    {
      throw SafetensorsError.cutOff(path: path, wanted: Int(length) + 8, fileBytes: file.size)
    }
    guard length >= 2, length <= SafetensorsHeader.longest, length <= file.size - 8 else {
      throw SafetensorsError.headerLength(path: path, length: length, fileBytes: file.size)
    }
    dataStart = 8 + Int(length)
    header = try SafetensorsHeader(
      json: file.bytes(at: 8, count: Int(length)), dataBytes: file.size - dataStart, path: path)
    names = header.entries.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Whether a tensor has this name.
  public func contains(_ name: String) -> Bool { header.entries[name] != nil }

  /// The shape of a tensor; empty for a single number. Throws `SafetensorsError.missing`.
  public func shape(of name: String) throws -> [Int] { try entry(name).shape }

  /// The element type of a tensor, as the file has it. Throws `SafetensorsError.missing`.
  public func type(of name: String) throws -> SafetensorsType { try entry(name).type }

  /// Reads a tensor of F32, F64, F16 or BF16 as 32-bit floats, row-major. F64 is rounded, the others are exact.
  ///
  /// - Parameter buffer: takes the values; its count is the product of the tensor's shape.
  /// - Throws: `SafetensorsError` when the name is missing, the type no floating one or the count another; `FileError`
  ///   when the file cannot be read.
  public func read(_ name: String, into buffer: UnsafeMutableBufferPointer<Float>) throws {
    let entry = try entry(name)
    guard buffer.count == entry.count else {
      throw SafetensorsError.count(tensor: name, shape: entry.shape, count: buffer.count)
    }
    let start = dataStart + entry.range.lowerBound
    switch entry.type {
    case .f32: try file.read(at: start, into: UnsafeMutableRawBufferPointer(buffer))
    case .f64: try convert(start, buffer) { (value: UInt64) in Float(Double(bitPattern: value)) }
    case .f16: try convert(start, buffer, floatFromHalf)
    case .bf16: try convert(start, buffer) { (value: UInt16) in Float(bitPattern: UInt32(value) << 16) }
    default: throw SafetensorsError.notFloating(path: file.path, tensor: name, type: entry.type.rawValue)
    }
  }

  /// A tensor's values, row-major: see `read(_:into:)`. Throws `SafetensorsError.memory` too.
  public func floats(_ name: String) throws -> [Float] {
    let count = try entry(name).count
    let (bytes, overflows) = count.multipliedReportingOverflow(by: MemoryLayout<Float>.stride)
    // An array that cannot be had kills the process, and a file with holes can claim petabytes.
    guard !overflows, (try? OutOfMemory.check(bytes: bytes)) != nil else {
      throw SafetensorsError.memory(tensor: name, bytes: overflows ? .max : bytes)
    }
    return try [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      try read(name, into: UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
      initialized = count
    }
  }

  /// Reads elements `first` ..< `first` + `count` of a tensor as they are stored, in little-endian order.
  ///
  /// - Throws: `SafetensorsError.missing`, `SafetensorsError.count`, `SafetensorsError.memory`; `FileError`.
  public func bytes(_ name: String, from first: Int = 0, count: Int? = nil) throws -> [UInt8] {
    let entry = try entry(name)
    let count = count ?? entry.count
    guard first >= 0, count >= 0, first <= entry.count, count <= entry.count - first else {
      throw SafetensorsError.count(tensor: name, shape: entry.shape, count: count)
    }
    // No overflow: the tensor's bytes lie in the file.
    let size = entry.type.byteCount
    guard (try? OutOfMemory.check(bytes: count * size)) != nil else {
      throw SafetensorsError.memory(tensor: name, bytes: count * size)
    }
    return try file.bytes(at: dataStart + entry.range.lowerBound + first * size, count: count * size)
  }

  private func entry(_ name: String) throws -> SafetensorsHeader.Entry {
    guard let entry = header.entries[name] else {
      throw SafetensorsError.missing(path: file.path, tensor: name)
    }
    return entry
  }

  /// Reads elements of another type in pieces and converts them.
  private func convert<Stored: FixedWidthInteger>(
    _ start: Int, _ buffer: UnsafeMutableBufferPointer<Float>, _ float: (Stored) -> Float
  ) throws {
    var piece = [Stored](repeating: 0, count: min(buffer.count, 65536))
    for first in stride(from: 0, to: buffer.count, by: 65536) {
      let count = min(buffer.count - first, 65536)
      try piece.withUnsafeMutableBytes {
        let bytes = UnsafeMutableRawBufferPointer(rebasing: $0[..<(count * MemoryLayout<Stored>.stride)])
        try file.read(at: start + first * MemoryLayout<Stored>.stride, into: bytes)
      }
      for index in 0..<count { buffer[first + index] = float(piece[index]) }
    }
  }
}

/// IEEE 754 binary16 to 32 bits, exactly. By hand: `Float16` would call into a compiler support library.
func floatFromHalf(_ half: UInt16) -> Float {
  let sign = UInt32(half & 0x8000) << 16
  let exponent = UInt32(half >> 10) & 0x1F
  let fraction = UInt32(half) & 0x3FF
  switch exponent {
  case 0:
    let magnitude = Float(fraction) * 0x1p-24
    return Float(bitPattern: sign | magnitude.bitPattern)
  case 0x1F: return Float(bitPattern: sign | 0x7F80_0000 | fraction << 13)
  default: return Float(bitPattern: sign | (exponent + 112) << 23 | fraction << 13)
  }
}
