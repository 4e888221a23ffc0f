import Compute
import Glibc

/// Where `writeAtomically` lets its caller write, front to back.
public struct FileSink {
  fileprivate let descriptor: Int32
  fileprivate let path: String

  /// Appends `bytes`.
  ///
  /// - Throws: `FileError` when the system refuses (a full disk, mostly).
  public func write(_ bytes: UnsafeRawBufferPointer) throws {
    var done = 0
    while done < bytes.count {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
      let count = retrying { Glibc.write(descriptor, rest.baseAddress!, rest.count) }
      guard count >= 0 else { throw FileError.refused(operation: "write", path: path, code: errno) }
      done += count
    }
  }

  /// Appends `bytes`.
  ///
  /// - Throws: `FileError` as above.
  public func write(_ bytes: [UInt8]) throws {
    try bytes.withUnsafeBytes { try write($0) }
  }
}

/// Writes a file so that `path` names either what was there before or all of the new bytes, whatever happens in
/// between.
///
/// The bytes go to a hidden file beside it (`.NAME.tmp-PID-RANDOM`), to the disk, and only then under the name; the
/// directory is flushed after that. A symbolic link is followed: the file it leads to is replaced. What is there and is
/// no regular file (a device, a pipe, a directory) is refused.
///
/// - Parameter body: writes the content.
/// - Throws: `FileError` or what `body` throws; the hidden file is then gone and `path` untouched (a directory that
///   cannot be flushed after the renaming throws too).
public func writeAtomically(_ path: String, _ body: (FileSink) throws -> Void) throws {
  guard isUsable(path), !path.hasSuffix("/") else { throw FileError.unusablePath(path) }
  let (directory, name) = split(try destination(of: path))
  // Random, since the process number is the same (1) in every container, and two threads may save at once.
  let temporary = "\(directory).\(name).tmp-\(getpid())-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
  let descriptor = retrying { open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666) }
  guard descriptor >= 0 else { throw FileError.refused(operation: "create", path: path, code: errno) }
  do {
    do {
      try body(FileSink(descriptor: descriptor, path: path))
      try demand(fsync(descriptor), "flush", path)
    } catch {
      close(descriptor)
      throw error
    }
    // Network file systems report a full disk only here.
    try demand(close(descriptor), "close", path)
    try demand(rename(temporary, directory + name), "rename onto", path)
  } catch {
    unlink(temporary)
    throw error
  }
  try flush(directory: directory, path: path)
}

/// Writes `bytes` to `path`, all or nothing: see `writeAtomically(_:_:)`.
///
/// - Throws: `FileError`.
public func writeAtomically(_ path: String, _ bytes: [UInt8]) throws {
  try writeAtomically(path) { try $0.write(bytes) }
}

/// Where the bytes for `path` belong: the path itself, or the file that a link at it leads to.
private func destination(of path: String) throws -> String {
  var status = stat()
  guard stat(path, &status) == 0 else { return path }
  guard status.st_mode & S_IFMT == S_IFREG else { throw FileError.notAFile(path: path, status) }
  guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFLNK, let resolved = realpath(path, nil) else {
    return path
  }
  defer { free(resolved) }
  return String(cString: resolved)
}

/// Makes the renaming outlast a power cut, where the directory may be opened and its file system can.
private func flush(directory: String, path: String) throws {
  let descriptor = retrying { open(directory.isEmpty ? "." : directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
  guard descriptor >= 0 else { return }
  defer { close(descriptor) }
  let result = retrying { fsync(descriptor) }
  if result != 0, errno != EINVAL, errno != ENOTSUP {
    throw FileError.refused(operation: "flush the directory of", path: path, code: errno)
  }
}

/// The directory with its slash (empty where there is none), and the name.
private func split(_ path: String) -> (directory: String, name: String) {
  guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return ("", path) }
  let after = path.utf8.index(after: slash)
  return (String(path[..<after]), String(path[after...]))
}

private func demand(_ result: Int32, _ operation: String, _ path: String) throws {
  guard result == 0 else { throw FileError.refused(operation: operation, path: path, code: errno) }
}
