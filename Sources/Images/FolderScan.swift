import Files
import Compute

/// The JPEG files below a folder, folder by folder in the order of their names.
struct FolderScan {
  /// Paths, zero at the end, and for each the index of its class; −1 for files in the folder itself.
  private(set) var files: [(path: [CChar], label: Int)] = []
  private(set) var classNames: [String] = []
  /// Files of other kinds, by their ending in lower case.
  private(set) var others: [String: Int] = [:]

  /// - Throws: `FileError` for the folder itself, `DatasetError.folder` for one below, `Interrupted`.
  init(_ root: [CChar]) throws {
    guard case .folder(let device, let inode) = entryKind(root) else {
      // Opening says why: it does not exist, it is not a folder.
      _ = try listFolder(root)
      return
    }
    for entry in try listFolder(root) {
      let path = joined(root, entry.name)
      switch entry.kind {
      case .file: add(path, entry.name, label: -1)
      case .folder(let below, let number):
        let before = files.count
        let ancestors = [[device, inode], [below, number]]
        if ancestors[0] != ancestors[1] { try scan(path, label: classNames.count, ancestors) }
        if files.count > before { classNames.append(pathText(entry.name)) }
      case .other: break
      }
    }
  }

  private mutating func scan(_ folder: [CChar], label: Int, _ ancestors: [[UInt]]) throws {
    try Interruption.check()
    let entries: [(name: [CChar], kind: EntryKind)]
    do {
      entries = try listFolder(folder)
    } catch let error as FileError {
      throw DatasetError.folder(path: pathText(folder), problem: error.problem, system: error.systemError)
    }
    for entry in entries {
      let path = joined(folder, entry.name)
      switch entry.kind {
      case .file: add(path, entry.name, label: label)
      case .folder(let device, let inode):
        // A link to a folder that contains it would lead round for ever.
        if ancestors.contains([device, inode]) { continue }
        try scan(path, label: label, ancestors + [[device, inode]])
      case .other: break
      }
    }
  }

  private mutating func add(_ path: [CChar], _ name: [CChar], label: Int) {
    let ending = Self.ending(name)
    if ending == "jpg" || ending == "jpeg" {
      files.append((path, label))
    } else {
      others[ending, default: 0] += 1
    }
  }

  private static func ending(_ name: [CChar]) -> String {
    guard let dot = name.lastIndex(of: CChar(UInt8(ascii: "."))) else { return "" }
    return pathText(name[(dot + 1)...]).lowercased()
  }
}
