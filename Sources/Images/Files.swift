import Compute
import Glibc

/// The system refused a file, or it is not one to read images from.
struct FileReadError: DescribedError {
  let kind = ErrorKind.io
  let description: String

  init(_ description: String) { self.description = description }
  init(errno code: Int32) { description = String(cString: strerror(code)) }
}

/// Bytes a file may have: more is no photograph.
private let mostBytes = 1 << 30

/// All bytes of a regular file. The path is as the system wants it: bytes, zero at the end.
func readWholeFile(_ path: [CChar]) throws -> [UInt8] {
  // Not blocking: opening a pipe that nobody writes to would wait for ever.
  let descriptor = retrying { open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
  guard descriptor >= 0 else { throw FileReadError(errno: errno) }
  defer { close(descriptor) }
  var status = stat()
  guard fstat(descriptor, &status) == 0 else { throw FileReadError(errno: errno) }
  guard status.st_mode & S_IFMT == S_IFREG else { throw FileReadError("it is not a regular file") }
  let size = Int(status.st_size)
  guard size <= mostBytes else { throw FileReadError("it has \(size) bytes, at most \(mostBytes) are read") }
  return try [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
    while count < size, let start = buffer.baseAddress {
      let more = retrying { read(descriptor, start + count, size - count) }
      guard more >= 0 else { throw FileReadError(errno: errno) }
      // The file was shortened meanwhile: the decoder will say so.
      if more == 0 { break }
      count += more
    }
  }
}

/// What an entry of a folder is; links count as what they lead to, and broken ones as files, so that somebody hears of them.
enum EntryKind {
  case file
  case folder(device: UInt, inode: UInt)
  case other
}

/// The entries of a folder, hidden ones left out, sorted by their names' bytes.
func listFolder(_ path: [CChar]) throws -> [(name: [CChar], kind: EntryKind)] {
  guard let stream = opendir(path) else { throw FileReadError(errno: errno) }
  defer { closedir(stream) }
  var entries: [(name: [CChar], kind: EntryKind)] = []
  while true {
    errno = 0
    guard let entry = readdir(stream) else {
      if errno != 0 { throw FileReadError(errno: errno) }
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

/// Path bytes as text, for messages.
func text(_ path: some Collection<CChar>) -> String {
  String(decoding: path.lazy.filter { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// Calls again while a signal interrupts.
func retrying<Result: SignedInteger>(_ call: () -> Result) -> Result {
  while true {
    let result = call()
    if result != -1 || errno != EINTR { return result }
  }
}
