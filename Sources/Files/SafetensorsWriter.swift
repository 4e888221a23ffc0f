import Compute

/// Gathers tensors and writes them as one safetensors file of 32-bit floats, all or nothing.
///
/// The values are not copied: they go from where they are to the file.
public struct SafetensorsWriter {
  /// Free text for the header.
  public var metadata: [String: String]
  private var tensors: [String: (shape: [Int], values: Values)] = [:]

  private enum Values {
    case borrowed(UnsafeBufferPointer<Float>)
    case owned([Float])

    var count: Int {
      switch self {
      case .borrowed(let pointer): pointer.count
      case .owned(let array): array.count
      }
    }

    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
      switch self {
      case .borrowed(let pointer): try body(UnsafeRawBufferPointer(pointer))
      case .owned(let array): try array.withUnsafeBytes(body)
      }
    }
  }

  public init(metadata: [String: String] = [:]) {
    self.metadata = metadata
  }

  /// Adds a tensor.
  ///
  /// - Parameters:
  ///   - name: any but the names added before and `__metadata__`.
  ///   - shape: its product is the count of `values`; empty for a single number.
  ///   - values: row-major; must stay valid until `write(to:)` has returned.
  /// - Throws: `SafetensorsError` when the name is taken or shape and count differ.
  public mutating func add(_ name: String, shape: [Int], values: UnsafeBufferPointer<Float>) throws {
    try add(name, shape, .borrowed(values))
  }

  /// Adds a tensor whose values the writer holds on to.
  ///
  /// - Throws: `SafetensorsError` as above.
  public mutating func add(_ name: String, shape: [Int], values: [Float]) throws {
    try add(name, shape, .owned(values))
  }

  private mutating func add(_ name: String, _ shape: [Int], _ values: Values) throws {
    guard name != SafetensorsHeader.metadataKey, tensors[name] == nil else { throw SafetensorsError.name(name) }
    guard elementCount(shape) == values.count else {
      throw SafetensorsError.count(tensor: name, shape: shape, count: values.count)
    }
    tensors[name] = (shape, values)
  }

  /// Writes the file: `path` then names all of it or, after an error, what was there before. Equal content gives equal
  /// bytes.
  ///
  /// - Throws: `FileError` when the system refuses, `SafetensorsError` when the header grows beyond the format's limit
  ///   or the name has the ending of another format.
  public func write(to path: some FilePathConvertible) throws {
    let shown = path.filePath.text
    if let ending = otherEndings.first(where: shown.hasSuffix) {
      throw SafetensorsError.ending(path: shown, ending: ending)
    }
    let inOrder = tensors.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    let start = try headerBytes(inOrder.map { ($0.key, $0.value.shape, $0.value.values.count) }, path: shown)
    try writeAtomically(path) { sink in
      try sink.write(start)
      for (_, tensor) in inOrder { try tensor.values.withBytes { try sink.write($0) } }
    }
  }

  /// Everything before the data: length, JSON, and spaces up to a multiple of eight bytes, so that the data lies
  /// aligned.
  private func headerBytes(_ inOrder: [(name: String, shape: [Int], count: Int)], path: String) throws -> [UInt8] {
    var members: [String: JSONValue] = [:]
    if !metadata.isEmpty {
      members[SafetensorsHeader.metadataKey] = .object(metadata.mapValues { .string($0) })
    }
    var offset = 0
    for (name, shape, count) in inOrder {
      // The values are in memory: their bytes cannot overflow.
      let end = offset + count * MemoryLayout<Float>.stride
      members[name] = [
        "dtype": "F32", "shape": .array(shape.map { .integer($0) }),
        "data_offsets": [.integer(offset), .integer(end)],
      ]
      offset = end
    }
    var json = Array(try JSONValue.object(members).text().utf8)
    json += [UInt8](repeating: UInt8(ascii: " "), count: (8 - json.count % 8) % 8)
    guard json.count <= SafetensorsHeader.longest else {
      throw SafetensorsError.headerLength(path: path, length: UInt64(json.count), fileBytes: offset)
    }
    return (0..<8).map { UInt8(truncatingIfNeeded: json.count >> (8 * $0)) } + json
  }
}

/// Endings of formats that are not written here: a file with one would be taken for what it is not.
private let otherEndings = [
  ".pth", ".pt", ".ckpt", ".bin", ".pkl", ".pickle", ".npz", ".npy", ".h5", ".onnx", ".gguf", ".msgpack",
]
