import Glibc

/// A path as the system knows it: bytes. Names on old disks are in other encodings than UTF-8, which `String` would
/// replace, so that two files became one.
public struct FilePath: Sendable, Hashable {
  /// Without a zero at the end.
  public let bytes: [UInt8]

  public init(_ text: String) { bytes = Array(text.utf8) }

  public init(bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }

  /// The bytes up to the first zero.
  public init(cString: UnsafePointer<CChar>) {
    self.init(bytes: UnsafeRawBufferPointer(start: cString, count: strlen(cString)))
  }

  /// Whether the system would see the same path: it is not empty, and no zero byte ends it early.
  public var isUsable: Bool { !bytes.isEmpty && !bytes.contains(0) }

  /// The path for messages: bytes that are no UTF-8 stand as `\xE9`.
  public var text: String {
    pieces.map { piece in
      switch piece {
      case .text(let text): text
      case .byte(let byte): "\\x" + String(byte, radix: 16, uppercase: true)
      }
    }.joined()
  }

  /// Calls `body` with the bytes and a zero behind them.
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

  /// Stretches of UTF-8, and the bytes between them.
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
