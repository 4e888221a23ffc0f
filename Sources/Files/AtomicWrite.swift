import Compute
import Glibc

/// Where `writeAtomically` lets its caller write, front to back.
public struct FileSink {
  fileprivate let descriptor: Int32
  fileprivate let path: FilePath

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
/// The bytes go to a hidden file beside it (`UnfinishedFile`), to the disk, and only then under the name; the directory
/// is flushed after that. What killed processes left of earlier writing to the same path is removed. A symbolic link is
/// followed: the file it leads to is replaced. What is there and is no regular file (a device, a pipe, a directory) is
/// refused.
///
/// - Parameter body: writes the content.
/// - Throws: `FileError` or what `body` throws; the hidden file is then gone and `path` untouched (a directory that
///   cannot be flushed after the renaming throws too).
public func writeAtomically(_ location: some FilePathConvertible, _ body: (FileSink) throws -> Void) throws {
  let path = location.filePath
  guard path.isUsable, path.bytes.last != UInt8(ascii: "/") else { throw FileError.unusablePath(path.text) }
  let destination = try destination(of: path)
  let (directory, name) = split(destination)
  let unfinished = try UnfinishedFile(directory: directory, name: name, target: path)
  defer { unfinished.unlock() }
  do {
    do {
      try body(FileSink(descriptor: unfinished.descriptor, path: path))
      try demand(fsync(unfinished.descriptor), "flush", path)
    } catch {
      close(unfinished.descriptor)
      throw error
    }
    // Network file systems report a full disk only here.
    try demand(close(unfinished.descriptor), "close", path)
    let renamed = unfinished.path.withCString { from in destination.withCString { rename(from, $0) } }
    try demand(renamed, "rename onto", path)
  } catch {
    _ = unfinished.path.withCString { unlink($0) }
    throw error
  }
  try flush(directory: FilePath(bytes: directory), path: path)
}

/// Writes `bytes` to `path`, all or nothing: see `writeAtomically(_:_:)`.
///
/// - Throws: `FileError`.
public func writeAtomically(_ path: some FilePathConvertible, _ bytes: [UInt8]) throws {
  try writeAtomically(path) { try $0.write(bytes) }
}

/// Where the bytes for `path` belong: the path itself, or the file that a link at it leads to.
private func destination(of path: FilePath) throws -> FilePath {
  try path.withCString { cString in
    var status = stat()
    guard stat(cString, &status) == 0 else { return path }
    guard status.st_mode & S_IFMT == S_IFREG else { throw FileError.notAFile(path: path, status) }
    guard lstat(cString, &status) == 0, status.st_mode & S_IFMT == S_IFLNK, let resolved = realpath(cString, nil) else {
      return path
    }
    defer { free(resolved) }
    return FilePath(cString: resolved)
  }
}

/// Makes the renaming outlast a power cut, where the directory may be opened and its file system can.
private func flush(directory: FilePath, path: FilePath) throws {
  let place = directory.bytes.isEmpty ? FilePath(".") : directory
  let descriptor = retrying { place.withCString { open($0, O_RDONLY | O_DIRECTORY | O_CLOEXEC) } }
  guard descriptor >= 0 else { return }
  defer { close(descriptor) }
  let result = retrying { fsync(descriptor) }
  if result != 0, errno != EINVAL, errno != ENOTSUP {
    throw FileError.refused(operation: "flush the directory of", path: path, code: errno)
  }
}

/// The directory with its slash (empty where there is none), and the name.
private func split(_ path: FilePath) -> (directory: [UInt8], name: [UInt8]) {
  guard let slash = path.bytes.lastIndex(of: UInt8(ascii: "/")) else { return ([], path.bytes) }
  return (Array(path.bytes[...slash]), Array(path.bytes[(slash + 1)...]))
}

private func demand(_ result: Int32, _ operation: String, _ path: FilePath) throws {
  guard result == 0 else { throw FileError.refused(operation: operation, path: path, code: errno) }
}
