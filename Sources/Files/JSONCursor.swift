/// A value of a JSON document with the way to it, so that a complaint says where: `config.json: model.depth is 1.5,
/// wanted an integer`.
public struct JSONCursor: Sendable {
  public let value: JSONValue
  /// The way to it for messages: the file's name, then keys and indices.
  public let path: String
  private let isRoot: Bool

  /// The root of a document.
  ///
  /// - Parameter source: what messages call the document: the file's name.
  public init(_ value: JSONValue, source: String) {
    self.init(value: value, path: source, isRoot: true)
  }

  private init(value: JSONValue, path: String, isRoot: Bool) {
    self.value = value
    self.path = path
    self.isRoot = isRoot
  }

  /// The value under `key`. Throws `JSONError` when there is none or this is no object.
  public func member(_ key: String) throws -> JSONCursor {
    guard let found = try optionalMember(key) else { throw JSONError.missing(path: path, key: key) }
    return found
  }

  /// The value under `key`, nil when there is none. Throws `JSONError` when this is no object.
  public func optionalMember(_ key: String) throws -> JSONCursor? {
    guard let found = try object()[key] else { return nil }
    return JSONCursor(value: found, path: path + (isRoot ? ": " : ".") + key, isRoot: false)
  }

  /// The elements of an array. Throws `JSONError` when it is none.
  public func elements() throws -> [JSONCursor] {
    guard case .array(let elements) = value else { throw wrongKind("an array") }
    return elements.enumerated().map { index, element in
      JSONCursor(value: element, path: "\(path)[\(index)]", isRoot: false)
    }
  }

  /// The keys of an object, in order of their bytes. Throws `JSONError` when it is none.
  public func keys() throws -> [String] {
    try object().keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Throws `JSONError.unknownKeys` when the object has a key that is not in `known`.
  public func refuseKeys(otherThan known: [String]) throws {
    let unknown = try keys().filter { !known.contains($0) }
    guard unknown.isEmpty else { throw JSONError.unknownKeys(path: path, keys: unknown, known: known) }
  }

  /// The object. Throws `JSONError` when it is none.
  public func object() throws -> [String: JSONValue] {
    guard case .object(let members) = value else { throw wrongKind("an object") }
    return members
  }

  /// The integer; `1.0` is none. Throws `JSONError`.
  public func int() throws -> Int {
    guard case .integer(let number) = value else { throw wrongKind("an integer") }
    return number
  }

  /// The number, integers included. Throws `JSONError` when it is none.
  public func double() throws -> Double {
    switch value {
    case .integer(let number): return Double(number)
    case .number(let number): return number
    default: throw wrongKind("a number")
    }
  }

  /// The number, rounded to 32 bits. Throws `JSONError` when it is none, or beyond their range.
  public func float() throws -> Float {
    let number = Float(try double())
    guard number.isFinite else { throw wrongKind("a number that 32 bits can hold") }
    return number
  }

  /// The string. Throws `JSONError` when it is none.
  public func string() throws -> String {
    guard case .string(let text) = value else { throw wrongKind("a string") }
    return text
  }

  /// The truth value. Throws `JSONError` when it is none.
  public func bool() throws -> Bool {
    guard case .bool(let truth) = value else { throw wrongKind("true or false") }
    return truth
  }

  private func wrongKind(_ wanted: String) -> JSONError {
    // Lists and objects may be long: their kind says enough.
    let found =
      switch value {
      case .array, .object: value.kindName
      default: (try? value.text()) ?? value.kindName
      }
    return .wrongKind(path: path, found: found, wanted: wanted)
  }
}
