import Compute

extension JSONValue {
  /// Reads a JSON text.
  ///
  /// - Parameters:
  ///   - bytes: UTF-8.
  ///   - source: what messages call it: the file's name.
  /// - Throws: `JSONError.syntax` where it is not JSON (RFC 8259), repeats a key, nests deeper than 64 levels or holds
  ///   a number that neither 64-bit integers nor finite doubles can hold.
  public init(parsing bytes: [UInt8], source: String) throws {
    var parser = JSONParser(bytes: bytes, source: source)
    self = try parser.document()
  }

  /// Reads a JSON text; see `init(parsing:source:)`.
  public init(parsing text: String, source: String) throws {
    try self.init(parsing: Array(text.utf8), source: source)
  }
}

/// A recursive-descent parser over bytes. Each function starts at the first byte of what it reads and ends behind its
/// last.
private struct JSONParser {
  let bytes: [UInt8]
  let source: String
  var position = 0

  /// Bounds the recursion: a megabyte of `[` must not overflow the stack.
  static let deepest = 64

  var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  mutating func document() throws -> JSONValue {
    skipSpace()
    let value = try value(depth: 0)
    skipSpace()
    guard next == nil else { throw problem("the document ended before") }
    return value
  }

  mutating func value(depth: Int) throws -> JSONValue {
    guard depth <= Self.deepest else { throw problem("nested deeper than \(Self.deepest) levels") }
    switch next {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try keyword("true", .bool(true))
    case UInt8(ascii: "f"): return try keyword("false", .bool(false))
    case UInt8(ascii: "n"): return try keyword("null", .null)
    default: return try number()
    }
  }

  mutating func object(depth: Int) throws -> JSONValue {
    var members: [String: JSONValue] = [:]
    position += 1
    skipSpace()
    if take("}") { return .object(members) }
    repeat {
      skipSpace()
      guard next == UInt8(ascii: "\"") else { throw problem("a key in quotes is wanted") }
      let start = position
      let key = try string()
      skipSpace()
      guard take(":") else { throw problem("':' is wanted") }
      skipSpace()
      guard members.updateValue(try value(depth: depth + 1), forKey: key) == nil else {
        throw problem("the key '\(shortened(key))' stands here twice", at: start)
      }
      skipSpace()
    } while take(",")
    guard take("}") else { throw problem("',' or '}' is wanted") }
    return .object(members)
  }

  mutating func array(depth: Int) throws -> JSONValue {
    var elements: [JSONValue] = []
    position += 1
    skipSpace()
    if take("]") { return .array(elements) }
    repeat {
      skipSpace()
      elements.append(try value(depth: depth + 1))
      skipSpace()
    } while take(",")
    guard take("]") else { throw problem("',' or ']' is wanted") }
    return .array(elements)
  }

  mutating func keyword(_ word: String, _ value: JSONValue) throws -> JSONValue {
    guard bytes[position...].starts(with: word.utf8) else { throw problem("a value is wanted") }
    position += word.utf8.count
    return value
  }

  mutating func number() throws -> JSONValue {
    let start = position
    _ = take("-")
    let leading = next
    let whole = skipDigits()
    guard whole > 0 else { throw problem("a value is wanted", at: start) }
    guard whole == 1 || leading != UInt8(ascii: "0") else { throw problem("a number begins with 0", at: start) }
    var isInteger = true
    if take(".") {
      isInteger = false
      guard skipDigits() > 0 else { throw problem("a digit is wanted") }
    }
    if take("e") || take("E") {
      isInteger = false
      if !take("+") { _ = take("-") }
      guard skipDigits() > 0 else { throw problem("a digit is wanted") }
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if isInteger {
      guard let value = Int(text) else { throw problem("\(shortened(text)) does not fit 64 bits", at: start) }
      return .integer(value)
    }
    guard let value = Double(text), value.isFinite else { throw problem("\(shortened(text)) is too large", at: start) }
    return .number(value)
  }
}

extension JSONParser {
  mutating func string() throws -> String {
    let start = position
    var content: [UInt8] = []
    position += 1
    while let byte = next {
      position += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let text = String(validating: content, as: UTF8.self) else {
          throw problem("the string is not UTF-8", at: start)
        }
        return text
      case UInt8(ascii: "\\"): content.append(contentsOf: try escaped())
      case 0..<0x20: throw problem("a control character in a string", at: position - 1)
      default: content.append(byte)
      }
    }
    throw problem("the string does not end", at: start)
  }

  /// The character after a backslash, as UTF-8.
  private mutating func escaped() throws -> [UInt8] {
    let start = position - 1
    guard let byte = next else { throw problem("the string does not end") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
    case UInt8(ascii: "b"): return [0x08]
    case UInt8(ascii: "f"): return [0x0C]
    case UInt8(ascii: "n"): return [0x0A]
    case UInt8(ascii: "r"): return [0x0D]
    case UInt8(ascii: "t"): return [0x09]
    case UInt8(ascii: "u"): break
    default: throw problem("an unknown escape", at: start)
    }
    var code = try fourDigits()
    if 0xD800..<0xDC00 ~= code, take("\\"), take("u") {
      let low = try fourDigits()
      guard 0xDC00..<0xE000 ~= low else { throw problem("half a surrogate pair", at: start) }
      code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
    }
    guard let scalar = Unicode.Scalar(code) else { throw problem("half a surrogate pair", at: start) }
    return Array(String(Character(scalar)).utf8)
  }

  private mutating func fourDigits() throws -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw problem("four hexadecimal digits are wanted")
      }
      code = code << 4 | UInt32(digit)
      position += 1
    }
    return code
  }

  mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
  }

  mutating func skipDigits() -> Int {
    let start = position
    while let byte = next, UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte { position += 1 }
    return position - start
  }

  mutating func take(_ wanted: Unicode.Scalar) -> Bool {
    guard next == UInt8(ascii: wanted) else { return false }
    position += 1
    return true
  }

  func problem(_ text: String, at offset: Int? = nil) -> JSONError {
    let before = bytes[..<(offset ?? position)]
    let line = before.count { $0 == 0x0A }
    let column = before.count - (before.lastIndex(of: 0x0A) ?? -1)
    return .syntax(source: source, line: line + 1, column: column, problem: text)
  }
}
