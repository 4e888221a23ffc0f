import Compute
import Files
import Glibc

/// Which file or folder it is, whatever path leads to it.
struct FileIdentity: Hashable {
  let device: UInt
  let inode: UInt

  init(_ status: stat) { (device, inode) = (UInt(status.st_dev), UInt(status.st_ino)) }
}

/// What an entry of a folder is; links count as what they lead to, and broken ones as files, so that somebody hears of
/// them.
enum EntryKind {
  case file
  case folder(FileIdentity, isLink: Bool)
  case other

  /// What the path leads to.
  init(of path: UnsafePointer<CChar>) {
    var (status, own) = (stat(), stat())
    guard stat(path, &status) == 0 else {
      self = .file
      return
    }
    switch status.st_mode & S_IFMT {
    case S_IFREG: self = .file
    case S_IFDIR:
      let isLink = lstat(path, &own) == 0 && own.st_mode & S_IFMT == S_IFLNK
      self = .folder(FileIdentity(status), isLink: isLink)
    default: self = .other
    }
  }
}

/// The entries of a folder, hidden ones left out, sorted by their names' bytes.
struct FolderListing {
  private let names = PathTable()
  /// What `readdir` says they are.
  private let types = GrowingBlock<UInt8>()
  private var order: [Int32] = []

  /// - Throws: `FileError`, `OutOfMemory`.
  init(_ folder: FilePath) throws {
    guard let stream = folder.withCString({ opendir($0) }) else { throw refused(folder, errno) }
    defer { closedir(stream) }
    while true {
      errno = 0
      guard let entry = readdir(stream) else {
        if errno != 0 { throw refused(folder, errno) }
        break
      }
      try withUnsafePointer(to: &entry.pointee.d_name) { field in
        let name = UnsafeRawBufferPointer(
          start: field, count: strlen(UnsafeRawPointer(field).assumingMemoryBound(to: CChar.self)))
        if name.first == UInt8(ascii: ".") { return }
        try names.append([name])
        try types.append(entry.pointee.d_type)
      }
    }
    // The order, and what sorting takes beside it.
    try OutOfMemory.check(for: names.count, of: (Int32, Int32).self)
    order = (0..<Int32(names.count)).map { $0 }
    order.sort { [names] in strcmp(names.cString(at: Int($0)), names.cString(at: Int($1))) < 0 }
  }

  var count: Int { order.count }

  /// The name of the entry at `place` in the order.
  func name(_ place: Int) -> UnsafeRawBufferPointer { names.bytes(at: Int(order[place])) }

  /// Whether the entry is surely a regular file, without a look at it.
  func isFile(_ place: Int) -> Bool { Int32(types.start[Int(order[place])]) == Int32(DT_REG) }
}

private func refused(_ folder: FilePath, _ code: Int32) -> FileError {
  FileError.refused(operation: "read the folder", path: folder, code: code)
}
