import Compute
import Files

/// The tensors of several safetensors files that an index lists: `model.safetensors.index.json`.
final class ShardedTensors: TensorSource {
  private let places: [String: SafetensorsFile]

  /// - Throws: `CheckpointError` where the index does not list the tensors of files beside it, `FileError`,
  ///   `SafetensorsError`, `JSONError`.
  init(index: FilePath) throws {
    let file = try ReadableFile(path: index)
    let json = JSONCursor(
      try JSONValue(parsing: file.bytes(at: 0, count: file.size), source: index.text), source: index.text)
    var files: [String: SafetensorsFile] = [:]
    var places: [String: SafetensorsFile] = [:]
    let map = try json.member("weight_map")
    for name in try map.keys() {
      let part = try map.member(name).string()
      guard !part.isEmpty, !part.contains("/"), part != "..", part != "." else {
        throw CheckpointError(path: index.text, problem: "names '\(shortened(part))', wanted a file beside it")
      }
      let found = try files[part] ?? SafetensorsFile(path: index.sibling(part))
      files[part] = found
      guard found.contains(name) else {
        throw CheckpointError(path: index.text, problem: "says that \(part) holds \(shortened(name)), which it does not")
      }
      places[name] = found
    }
    self.places = places
  }

  var names: [String] { places.keys.sorted() }

  func shape(of name: String) throws -> [Int] { try file(name).shape(of: name) }

  func unreadableType(of name: String) throws -> String? { try file(name).unreadableType(of: name) }

  func read(_ name: String, into buffer: UnsafeMutableBufferPointer<Float>) throws {
    try file(name).read(name, into: buffer)
  }

  /// The file that a tensor lies in.
  func file(_ name: String) throws -> SafetensorsFile {
    guard let file = places[name] else { throw WeightsError(source: "index", problems: ["\(name) is missing"]) }
    return file
  }
}
