import Compute
import Files

/// Where a folder has weights, preferred first: a run's, and a published model's.
enum RunFiles {
  static let ofEncoder = [
    "encoder.safetensors", "checkpoints/last.safetensors", "model.safetensors", "model.safetensors.index.json",
    "open_clip_model.safetensors",
  ]
  static let ofModel = ["checkpoints/last.safetensors", "model.safetensors"]
}

/// The file of weights that a path means: the path itself, or the first of some files where it is a folder.
///
/// - Throws: `CheckpointError` for a folder that has none of them.
func weightsFile(at path: some FilePathConvertible, names: [String]) throws -> FilePath {
  let folder = path.filePath
  guard isFolder(folder) else { return folder }
  func file(_ name: String) -> FilePath { folder.appending(FilePath(name)) }
  if let found = names.map(file).first(where: { isFile($0) }) { return found }
  let others = ["model.safetensors.index.json", "pytorch_model.bin", "encoder.safetensors"].filter {
    isFile(file($0))
  }
  throw CheckpointError(
    path: folder.text,
    problem: "is a folder, wanted a file, or a folder with \(names.joined(separator: " or "))"
      + (others.first.map { "; it has \($0), which is none of them" } ?? ""))
}

extension FilePath {
  /// The folder a file lies in.
  var folder: FilePath {
    guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return FilePath(".") }
    return FilePath(bytes: slash == 0 ? bytes[...0] : bytes[..<slash])
  }

  /// The file of this name in the same folder.
  func sibling(_ name: String) -> FilePath { folder.appending(FilePath(name)) }

  /// Whether it is an index of several files of weights.
  var isIndex: Bool { bytes.suffix(11) == Array(".index.json".utf8)[...] }
}

/// What the weights at a path hold: of each tensor the element type and the shape, by name.
///
/// - Throws: as `Encoder.load(from:)`.
public func weightsList(at location: some FilePathConvertible) throws -> JSONValue {
  let found = try weightsFile(at: location, names: RunFiles.ofEncoder)
  let sharded = found.isIndex ? try ShardedTensors(index: found) : nil
  let file = sharded == nil ? try SafetensorsFile(path: found) : nil
  var tensors: [String: JSONValue] = [:]
  for name in sharded?.names ?? file?.names ?? [] {
    guard let part = try sharded?.file(name) ?? file else { continue }
    tensors[name] = .array([
      .string(try part.type(of: name).rawValue), .array(try part.shape(of: name).map { .integer($0) }),
    ])
  }
  return .object(tensors)
}
