import Compute
import Glibc

/// A hidden file `.NAME.tmp-PID-RANDOM` beside a target, which takes the bytes until it takes the name.
///
/// It is locked while somebody writes it. A lock ends with its process, so a file whose lock can be had was left by one
/// that was killed: whoever writes to the same target next removes it. File systems without locks keep such files.
struct UnfinishedFile {
  let path: FilePath
  let descriptor: Int32
  /// Holds the lock until the file has its name; `descriptor` is closed before, to hear of errors.
  private let lock: Int32

  /// - Parameters:
  ///   - directory: with its slash; empty where there is none.
  ///   - target: what messages call the file.
  /// - Throws: `FileError`.
  init(directory: [UInt8], name: [UInt8], target: FilePath) throws {
    removeAbandoned(directory: directory, name: name)
    while true {
      // Random, since the process number is the same (1) in every container, and two threads may save at once.
      let ending = ".tmp-\(getpid())-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
      let path = FilePath(bytes: directory + [UInt8(ascii: ".")] + name + Array(ending.utf8))
      let descriptor = retrying { path.withCString { open($0, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666) } }
      guard descriptor >= 0 else { throw FileError.refused(operation: "create", path: target, code: errno) }
      guard Self.staysWhileLocked(descriptor) else {
        // Somebody took it, between its creation and its lock, for one that was left.
        _ = path.withCString { unlink($0) }
        close(descriptor)
        continue
      }
      (self.path, self.descriptor) = (path, descriptor)
      lock = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
      return
    }
  }

  func unlock() { if lock >= 0 { close(lock) } }

  private static func staysWhileLocked(_ descriptor: Int32) -> Bool {
    if retrying({ flock(descriptor, LOCK_EX | LOCK_NB) }) != 0 { return errno != EWOULDBLOCK }
    var status = stat()
    return fstat(descriptor, &status) != 0 || status.st_nlink > 0
  }
}

/// Removes what killed processes had begun to write for `name`.
private func removeAbandoned(directory: [UInt8], name: [UInt8]) {
  let folder = directory.isEmpty ? FilePath(".") : FilePath(bytes: directory)
  guard let stream = folder.withCString({ opendir($0) }) else { return }
  defer { closedir(stream) }
  let beginning = [UInt8(ascii: ".")] + name + Array(".tmp-".utf8)
  while let entry = readdir(stream) {
    let found = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
    guard found.starts(with: beginning) else { continue }
    let path = FilePath(bytes: directory + found)
    let descriptor = retrying { path.withCString { open($0, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) } }
    guard descriptor >= 0 else { continue }
    if retrying({ flock(descriptor, LOCK_EX | LOCK_NB) }) == 0 { _ = path.withCString { unlink($0) } }
    close(descriptor)
  }
}
