import Compute

/// A JSON document (RFC 8259). Integers stay apart from floating numbers: `1` and `1.0` come back as they were written.
///
/// Written here rather than taken from Foundation: its decoder reads `1.0` as the integer 1, its encoder writes 1.0 as
/// `1`, and it accepts repeated keys, which a hostile file can use to say two things at once.
public enum JSONValue: Equatable, Sendable {
  case null
  case bool(Bool)
  /// A number written without fraction and exponent.
  case integer(Int)
  /// A number written with fraction or exponent.
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])

  /// A 32-bit float, by its shortest decimal digits: `0.1`, not `0.10000000149011612`. Reading it back gives the same
  /// bits.
  public init(_ value: Float) {
    guard let short = Double(value.description), Float(short) == value else {
      self = .number(Double(value))
      return
    }
    self = .number(short)
  }

  /// What kind of value it is, for messages: "an integer".
  var kindName: String {
    switch self {
    case .null: "null"
    case .bool: "a truth value"
    case .integer: "an integer"
    case .number: "a number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }
}

/// What can be wrong with a JSON text or with what it says.
public enum JSONError: DescribedError, Equatable {
  /// The text is not JSON at this place.
  case syntax(source: String, line: Int, column: Int, problem: String)
  /// Infinity or NaN, which JSON cannot write.
  case notFinite(Double)
  /// A value of another kind stands where `wanted` was wanted. `path` begins with the file's name.
  case wrongKind(path: String, found: String, wanted: String)
  /// An object lacks a key.
  case missing(path: String, key: String)
  /// An object has keys that nobody reads.
  case unknownKeys(path: String, keys: [String], known: [String])

  public var kind: ErrorKind { .value }

  public var description: String {
    switch self {
    case .syntax(let source, let line, let column, let problem):
      "\(source), line \(line), column \(column): \(problem)"
    case .notFinite(let value): "JSON cannot hold \(value): wanted a finite number"
    case .wrongKind(let path, let found, let wanted):
      "\(shortened(path, to: 1000)) is \(shortened(found)), wanted \(wanted)"
    case .missing(let path, let key): "\(shortened(path, to: 1000)) has no '\(shortened(key))'"
    case .unknownKeys(let path, let keys, let known):
      "\(shortened(path, to: 1000)): unknown \(quoted(keys.prefix(3)))\(keys.count > 3 ? " and others" : ""); "
        + Compute.known(known, besides: keys.first ?? "")
    }
  }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
  ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  public init(stringLiteral value: String) { self = .string(value) }
  public init(integerLiteral value: Int) { self = .integer(value) }
  public init(floatLiteral value: Double) { self = .number(value) }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  /// A key given twice keeps its last value.
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(Dictionary(elements) { $1 })
  }
}
