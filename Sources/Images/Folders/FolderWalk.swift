import Compute
import Files

/// Goes through a folder and all below it, folder by folder in the order of their names, each folder once.
struct FolderWalk {
  /// The image files by their endings, and for each the number of its class; −1 for files in the folder itself.
  let files = PathTable()
  let labels = GrowingBlock<Int>()
  /// The folders in the root that hold a file of any kind: the classes.
  private(set) var classes: [FilePath] = []
  let leftOut = LeftOutFiles()

  /// The endings of image files.
  private let endings: Set<String>
  /// The folders that were entered.
  private var entered: Set<FileIdentity> = []
  /// The folders that are reached without links. Nil while they are not known: links to folders are then passed by.
  private let real: Set<FileIdentity>?
  private var metLinks = false

  /// - Throws: `FileError` for the folder itself, `DatasetError.folder` for one below, `OutOfMemory`, `Interrupted`.
  static func over(_ root: FilePath, endings: Set<String>) throws -> FolderWalk {
    let walk = try FolderWalk(root, endings, real: nil)
    // A link may stand before the folder that it leads to, which keeps its own name: the second walk knows of it.
    return walk.metLinks ? try FolderWalk(root, endings, real: walk.entered) : walk
  }

  private init(_ root: FilePath, _ endings: Set<String>, real: Set<FileIdentity>?) throws {
    (self.endings, self.real) = (endings, real)
    if case .folder(let identity, _) = root.withCString({ EntryKind(of: $0) }) { entered.insert(identity) }
    try enter(root, label: -1)
  }

  private mutating func enter(_ folder: FilePath, label: Int) throws {
    try Interruption.check()
    let listing = try FolderListing(folder)
    for place in 0..<listing.count {
      let name = listing.name(place)
      if listing.isFile(place) {
        try add(folder, name, label)
        continue
      }
      let path = folder.appending(FilePath(bytes: name))
      switch path.withCString({ EntryKind(of: $0) }) {
      case .file: try add(folder, name, label)
      case .folder(let identity, let isLink): try enter(path, name, identity, isLink: isLink, label)
      case .other: break
      }
    }
  }

  private mutating func enter(
    _ path: FilePath, _ name: UnsafeRawBufferPointer, _ identity: FileIdentity, isLink: Bool, _ label: Int
  ) throws {
    if isLink {
      metLinks = true
      guard let real else { return }
      if real.contains(identity) || entered.contains(identity) { return try leftOut.append(path, .linked) }
    }
    guard entered.insert(identity).inserted else { return }
    let before = files.count + leftOut.count
    do {
      try enter(path, label: label < 0 ? classes.count : label)
    } catch let error as FileError {
      throw DatasetError.folder(path: path.text, problem: error.problem, system: error.systemError)
    }
    if label < 0, files.count + leftOut.count > before { classes.append(FilePath(bytes: name)) }
  }

  private mutating func add(_ folder: FilePath, _ name: UnsafeRawBufferPointer, _ label: Int) throws {
    guard endings.contains(ending(of: name)) else {
      return try leftOut.append(folder.appending(FilePath(bytes: name)), .ending)
    }
    try folder.bytes.withUnsafeBytes { try files.append([$0, Self.slash, name]) }
    try labels.append(label)
  }

  private nonisolated(unsafe) static let slash: UnsafeRawBufferPointer = {
    let byte = UnsafeMutableRawBufferPointer.allocate(byteCount: 1, alignment: 1)
    byte[0] = UInt8(ascii: "/")
    return UnsafeRawBufferPointer(byte)
  }()
}

/// What stands behind the last dot of a name, in lower case; empty where there is no dot.
func ending(of name: UnsafeRawBufferPointer) -> String {
  guard let dot = name.lastIndex(of: UInt8(ascii: ".")) else { return "" }
  return FilePath(bytes: name[(dot + 1)...]).text.lowercased()
}
