/// The category of an error: a status in the C interface, an exception class in Python.
public enum ErrorKind: Int32, Sendable {
  /// An argument, option, shape or file content is not acceptable (Python: ValueError).
  case value = 1
  /// The operating system refused to read or write (OSError).
  case io = 2
  /// Out of memory (MemoryError).
  case memory = 3
  /// The user interrupted a long call (KeyboardInterrupt).
  case interrupted = 4
  /// The computation gave infinity or NaN (FloatingPointError).
  case notFinite = 5
  /// Training has collapsed (latentmim.CollapseError).
  case collapsed = 6
}

/// An error that says what it is about and, in `description`, what was wrong, where, and what was wanted.
public protocol DescribedError: Error, CustomStringConvertible {
  var kind: ErrorKind { get }
  /// The operating system's refusal, if that is the cause.
  var systemError: SystemError? { get }
}

extension DescribedError {
  public var systemError: SystemError? { nil }
}

/// An error that the operating system reported for a path.
public struct SystemError: Sendable, Equatable {
  /// Its errno.
  public let code: Int32
  public let path: FilePath

  public init(code: Int32, path: FilePath) { (self.code, self.path) = (code, path) }
}

/// An argument outside its range.
public struct ArgumentError: DescribedError, Equatable {
  public let kind = ErrorKind.value
  public let description: String

  public init(_ description: String) { self.description = description }
}

/// The user asked a long call to stop.
public struct Interrupted: DescribedError {
  public let kind = ErrorKind.interrupted
  public let description = "interrupted"
  public init() {}
}

/// Long calls ask the host regularly whether to go on.
public enum Interruption {
  /// Asks the host; true means stop. Whoever embeds the library sets it once, before the first long call.
  public nonisolated(unsafe) static var isRequested: (@Sendable () -> Bool)?

  /// - Throws: `Interrupted` when the host asks to stop.
  public static func check() throws {
    if let isRequested, isRequested() { throw Interrupted() }
  }
}
