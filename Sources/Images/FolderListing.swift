import Compute
import Files
import Glibc

/// What an entry of a folder is; links count as what they lead to, and broken ones as files, so that somebody hears of
/// them.
enum EntryKind {
  case file
  case folder(device: UInt, inode: UInt)
  case other
}

/// The entries of a folder, hidden ones left out, sorted by their names' bytes.
func listFolder(_ path: [CChar]) throws -> [(name: [CChar], kind: EntryKind)] {
  guard let stream = opendir(path) else {
    throw FileError.refused(operation: "read the folder", path: pathText(path), code: errno)
  }
  defer { closedir(stream) }
  var entries: [(name: [CChar], kind: EntryKind)] = []
  while true {
    errno = 0
    guard let entry = readdir(stream) else {
      if errno != 0 { throw FileError.refused(operation: "read the folder", path: pathText(path), code: errno) }
      break
    }
    let name = withUnsafePointer(to: &entry.pointee.d_name) { field in
      field.withMemoryRebound(to: CChar.self, capacity: 256) {
        Array(UnsafeBufferPointer(start: $0, count: strlen($0)))
      }
    }
    if name.first == CChar(UInt8(ascii: ".")) { continue }
    let isFile = Int32(entry.pointee.d_type) == Int32(DT_REG)
    entries.append((name, isFile ? .file : entryKind(joined(path, name))))
  }
  return entries.sorted { $0.name.lexicographicallyPrecedes($1.name) { UInt8(bitPattern: $0) < UInt8(bitPattern: $1) } }
}

/// What the path leads to.
func entryKind(_ path: [CChar]) -> EntryKind {
  var status = stat()
  guard stat(path, &status) == 0 else { return .file }
  switch status.st_mode & S_IFMT {
  case S_IFREG: return .file
  case S_IFDIR: return .folder(device: UInt(status.st_dev), inode: UInt(status.st_ino))
  default: return .other
  }
}

/// folder/name, zero at the end.
func joined(_ folder: [CChar], _ name: [CChar]) -> [CChar] {
  folder.dropLast() + [CChar(UInt8(ascii: "/"))] + name + [0]
}
