import Glibc

/// A path as the system knows it: bytes. Old disks have names in other encodings than UTF-8; `String` would replace
/// their invalid bytes, and the paths of two files could become equal.
public struct FilePath: Sendable, Hashable {
  /// Without a terminating zero.
  public let bytes: [UInt8]

  public init(_ text: String) { bytes = Array(text.utf8) }

  public init(bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }

  /// The bytes up to the first zero.
  public init(cString: UnsafePointer<CChar>) {
    self.init(bytes: UnsafeRawBufferPointer(start: cString, count: strlen(cString)))
  }

  /// Whether it can be passed to the system: it is not empty and contains no zero byte.
  public var isUsable: Bool { !bytes.isEmpty && !bytes.contains(0) }

  /// The path for messages: bytes that are not valid UTF-8 appear as `\xE9`.
  public var text: String {
    pieces.map { piece in
      switch piece {
      case .text(let text): text
      case .byte(let byte): "\\x" + String(byte, radix: 16, uppercase: true)
      }
    }.joined()
  }

  /// Calls `body` with the zero-terminated bytes.
  public func withCString<Result>(_ body: (UnsafePointer<CChar>) throws -> Result) rethrows -> Result {
    try withUnsafeTemporaryAllocation(of: CChar.self, capacity: bytes.count + 1) { buffer in
      for (index, byte) in bytes.enumerated() { buffer[index] = CChar(bitPattern: byte) }
      buffer[bytes.count] = 0
      return try body(UnsafePointer(buffer.baseAddress!))
    }
  }

  /// The entry `name` of this folder.
  public func appending(_ name: FilePath) -> FilePath {
    FilePath(bytes: bytes + [UInt8(ascii: "/")] + name.bytes)
  }

  public enum Piece {
    case text(String)
    case byte(UInt8)
  }

  /// Runs of valid UTF-8, and the bytes between them.
  public var pieces: [Piece] {
    if let text = String(validating: bytes, as: UTF8.self) { return [.text(text)] }
    var pieces: [Piece] = []
    var decoder = Unicode.UTF8.ForwardParser()
    var start = 0
    var iterator = bytes.makeIterator()
    while start < bytes.count {
      switch decoder.parseScalar(from: &iterator) {
      case .valid(let scalar):
        pieces.append(.text(String(Unicode.UTF8.decode(scalar))))
        start += scalar.count
      case .error(let length):
        for byte in bytes[start..<(start + length)] { pieces.append(.byte(byte)) }
        start += length
      case .emptyInput: return pieces
      }
    }
    return pieces
  }
}

/// What names a file: text, or a path of any bytes.
public protocol FilePathConvertible {
  var filePath: FilePath { get }
}

extension FilePath: FilePathConvertible {
  public var filePath: FilePath { self }
}

extension String: FilePathConvertible {
  public var filePath: FilePath { FilePath(self) }
}
