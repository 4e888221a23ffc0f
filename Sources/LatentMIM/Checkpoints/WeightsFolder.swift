import Files

/// Where a folder has weights, preferred first: a run's, and a published model's.
enum RunFiles {
  static let ofEncoder = ["encoder.safetensors", "checkpoints/last.safetensors", "model.safetensors"]
  static let ofModel = ["checkpoints/last.safetensors", "model.safetensors"]
}

/// The file of weights that a path means: the path itself, or the first of some files where it is a folder.
///
/// - Throws: `CheckpointError` for a folder that has none of them.
func weightsFile(at path: String, names: [String]) throws -> String {
  guard isFolder(path) else { return path }
  let folder = path.hasSuffix("/") ? path : path + "/"
  if let name = names.first(where: { isFile(folder + $0) }) { return folder + name }
  let others = ["model.safetensors.index.json", "pytorch_model.bin", "encoder.safetensors"].filter {
    isFile(folder + $0)
  }
  throw CheckpointError(
    path: path,
    problem: "is a folder, wanted a file, or a folder with \(names.joined(separator: " or "))"
      + (others.first.map { "; it has \($0), which is none of them" } ?? ""))
}
