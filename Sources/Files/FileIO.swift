import Compute
import Glibc

/// What can go wrong between a path and its bytes.
public enum FileError: DescribedError, Equatable {
  /// The system refused; `code` is its errno. `operation` is a verb: "open", "write", "rename".
  case refused(operation: String, path: FilePath, code: Int32)
  /// The path names a directory, a device or a pipe where a file was wanted.
  case notAFile(path: String)
  /// The path is empty, names a directory by its ending, or holds a zero byte.
  case unusablePath(String)
  /// The file ended before the bytes that its size promised: somebody shortened it meanwhile.
  case ended(path: String, offset: Int, wanted: Int)

  public var kind: ErrorKind { .io }

  public var systemError: SystemError? {
    guard case .refused(_, let path, let code) = self else { return nil }
    return SystemError(code: code, path: path)
  }

  public var description: String {
    switch self {
    case .refused(let operation, let path, _): "cannot \(operation) '\(path.text)': \(problem)"
    case .notAFile(let path): "cannot use '\(path)': \(problem)"
    case .ended(let path, _, _): "cannot read '\(path)': \(problem)"
    case .unusablePath(let path): "'\(path)' \(problem)"
    }
  }

  /// What is wrong, for messages that name the path themselves.
  public var problem: String {
    switch self {
    case .refused(_, _, let code): String(cString: strerror(code))
    case .notAFile: "it is not a regular file"
    case .unusablePath: "names no file"
    case .ended(_, let offset, let wanted): "\(wanted) bytes were wanted at offset \(offset), the file ends before"
    }
  }
}

extension FileError {
  /// What is there in place of a file: of a directory the system has a word.
  static func notAFile(path: FilePath, _ status: stat) -> FileError {
    guard status.st_mode & S_IFMT == S_IFDIR else { return .notAFile(path: path.text) }
    return .refused(operation: "use", path: path, code: EISDIR)
  }
}

/// A regular file open for reading at any offset, from any thread; closed with its last reference.
///
/// `pread`, not a mapping: a mapped file that somebody shortens kills the process (SIGBUS), a read one gives an error.
public final class ReadableFile: Sendable {
  /// The path it was opened by.
  public let location: FilePath
  /// The same for messages.
  public var path: String { location.text }
  /// Bytes in the file when it was opened.
  public let size: Int
  private let descriptor: Int32

  /// - Throws: `FileError` when the path cannot be opened or is not a regular file.
  public init(path: some FilePathConvertible) throws {
    let location = path.filePath
    guard location.isUsable else { throw FileError.unusablePath(location.text) }
    // Not blocking: opening a pipe that nobody writes to would wait for ever.
    let opened = retrying { location.withCString { open($0, O_RDONLY | O_CLOEXEC | O_NONBLOCK) } }
    guard opened >= 0 else { throw FileError.refused(operation: "open", path: location, code: errno) }
    var status = stat()
    guard fstat(opened, &status) == 0 else {
      let code = errno
      close(opened)
      throw FileError.refused(operation: "examine", path: location, code: code)
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      close(opened)
      throw FileError.notAFile(path: location, status)
    }
    self.location = location
    size = Int(status.st_size)
    descriptor = opened
  }

  deinit { close(descriptor) }

  /// Fills `buffer` with the bytes at `offset`.
  ///
  /// - Throws: `FileError` when the range leaves the file or the system refuses.
  public func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
    guard offset >= 0, offset <= size, buffer.count <= size - offset else {
      throw FileError.ended(path: path, offset: offset, wanted: buffer.count)
    }
    var done = 0
    while done < buffer.count {
      let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
      let count = retrying { pread(descriptor, rest.baseAddress!, rest.count, off_t(offset + done)) }
      guard count >= 0 else { throw FileError.refused(operation: "read", path: location, code: errno) }
      guard count > 0 else { throw FileError.ended(path: path, offset: offset, wanted: buffer.count) }
      done += count
    }
  }

  /// The `count` bytes at `offset`.
  ///
  /// - Throws: `FileError` as `read(at:into:)` does.
  public func bytes(at offset: Int, count: Int) throws -> [UInt8] {
    guard count >= 0, offset >= 0, offset <= size, count <= size - offset else {
      throw FileError.ended(path: path, offset: offset, wanted: count)
    }
    return try [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      try read(
        at: offset, into: UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<count]))
      initialized = count
    }
  }

  /// All bytes.
  ///
  /// - Parameter limit: the most bytes there may be.
  /// - Throws: `FileError`; a file above `limit` is refused as too large (EFBIG).
  public func contents(limit: Int = 1 << 30) throws -> [UInt8] {
    guard size <= limit else { throw FileError.refused(operation: "read", path: location, code: EFBIG) }
    return try bytes(at: 0, count: size)
  }
}

/// Whether there is a folder at a path.
public func isFolder(_ path: some FilePathConvertible) -> Bool { mode(of: path.filePath) == S_IFDIR }

/// Whether there is a regular file at a path.
public func isFile(_ path: some FilePathConvertible) -> Bool { mode(of: path.filePath) == S_IFREG }

private func mode(of path: FilePath) -> mode_t? {
  var status = stat()
  guard path.isUsable, path.withCString({ stat($0, &status) }) == 0 else { return nil }
  return status.st_mode & S_IFMT
}

/// Calls again while a signal interrupts.
public func retrying<Result: SignedInteger>(_ call: () -> Result) -> Result {
  while true {
    let result = call()
    if result != -1 || errno != EINTR { return result }
  }
}
