import Compute
import Glibc

/// What can go wrong between a path and its bytes.
public enum FileError: DescribedError, Equatable {
  /// The system refused; `code` is its errno. `operation` is a verb: "open", "write", "rename".
  case refused(operation: String, path: String, code: Int32)
  /// The path names a directory, a device or a pipe where a file was wanted.
  case notAFile(path: String)
  /// The path is empty, names a directory by its ending, or holds a zero byte.
  case unusablePath(String)
  /// The file ended before the bytes that its size promised: somebody shortened it meanwhile.
  case ended(path: String, offset: Int, wanted: Int)

  public var kind: ErrorKind { .io }

  public var description: String {
    switch self {
    case .refused(let operation, let path, let code):
      "cannot \(operation) '\(path)': \(String(cString: strerror(code)))"
    case .notAFile(let path): "cannot read '\(path)': it is not a regular file"
    case .unusablePath(let path): "'\(path)' names no file"
    case .ended(let path, let offset, let wanted):
      "cannot read '\(path)': \(wanted) bytes were wanted at offset \(offset), the file ends before"
    }
  }
}

/// A regular file open for reading at any offset, from any thread; closed with its last reference.
///
/// `pread`, not a mapping: a mapped file that somebody shortens kills the process (SIGBUS), a read one gives an error.
public final class ReadableFile: Sendable {
  /// The path it was opened by.
  public let path: String
  /// Bytes in the file when it was opened.
  public let size: Int
  private let descriptor: Int32

  /// - Throws: `FileError` when the path cannot be opened or is not a regular file.
  public init(path: String) throws {
    guard isUsable(path) else { throw FileError.unusablePath(path) }
    // Not blocking: opening a pipe that nobody writes to would wait for ever.
    let opened = retrying { open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
    guard opened >= 0 else { throw FileError.refused(operation: "open", path: path, code: errno) }
    var status = stat()
    guard fstat(opened, &status) == 0 else {
      let code = errno
      close(opened)
      throw FileError.refused(operation: "examine", path: path, code: code)
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      close(opened)
      throw FileError.notAFile(path: path)
    }
    self.path = path
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
      guard count >= 0 else { throw FileError.refused(operation: "read", path: path, code: errno) }
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
}

/// All bytes of a (small) file: a configuration, a header.
///
/// - Parameter limit: the most bytes it may have.
/// - Throws: `FileError`; a file above `limit` is refused as too large (EFBIG).
public func readFile(_ path: String, limit: Int = 1 << 28) throws -> [UInt8] {
  let file = try ReadableFile(path: path)
  guard file.size <= limit else { throw FileError.refused(operation: "read", path: path, code: EFBIG) }
  return try file.bytes(at: 0, count: file.size)
}

/// Whether the system would see the same path: a zero byte ends it early.
func isUsable(_ path: String) -> Bool {
  !path.isEmpty && !path.utf8.contains(0)
}

/// Calls again while a signal interrupts.
func retrying<Result: SignedInteger>(_ call: () -> Result) -> Result {
  while true {
    let result = call()
    if result != -1 || errno != EINTR { return result }
  }
}
