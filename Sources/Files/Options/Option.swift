import Compute

/// One option of a list: its name in files and in other languages, and how it is read, checked and written.
///
/// A type lists its options once; reading, writing, range checks, refusal of unknown names, the comparison of two
/// configurations and what other languages are told all follow from that list. `@unchecked`: what its closures hold
/// never changes.
public struct Option<Root>: @unchecked Sendable {
  public let name: String
  public let values: OptionValues
  let read: (Root) -> JSONValue
  let write: (inout Root, JSONCursor) throws -> Void

  /// - Parameters:
  ///   - kind: which values it takes.
  ///   - get, set: where the value lies.
  public init<Value>(
    _ name: String, _ kind: OptionKind<Value>, get: @escaping (Root) -> Value,
    set: @escaping (inout Root, Value) -> Void
  ) {
    (self.name, values) = (name, kind.values)
    read = { kind.json(get($0)) }
    write = { root, place in
      guard let value = try kind.parse(place) else {
        throw ConfigurationError(name, "is \(shown(place.value)), wanted \(kind.values.wanted)")
      }
      set(&root, value)
    }
  }

  public init<Value>(_ name: String, _ path: WritableKeyPath<Root, Value>, _ kind: OptionKind<Value>) {
    self.init(name, kind, get: { $0[keyPath: path] }, set: { $0[keyPath: path] = $1 })
  }
}

/// A value as messages show it, cut where it is long.
private func shown(_ value: JSONValue) -> String {
  switch value {
  case .string(let text): return quoted([text])
  case .number(let number): return "\(number)"
  default:
    let text = (try? value.text()) ?? "not finite"
    return text.count > 60 ? text.prefix(60) + "…" : text
  }
}

/// A type that lists its options once.
public protocol Configurable: Sendable {
  /// What messages and other languages call the list.
  static var name: String { get }
  /// A `static let`: it is asked for again and again.
  static var options: [Option<Self>] { get }
  /// With the defaults.
  init()
}

extension Configurable {
  /// Every option by its name.
  public var allOptions: JSONValue {
    .object(Dictionary(uniqueKeysWithValues: Self.options.map { ($0.name, $0.read(self)) }))
  }

  /// What other languages are told of the list: of each option "type", "least" and "largest" or "choices", whether it
  /// is "optional" or a "list", and its "default".
  public static var listing: JSONValue {
    let usual = Self()
    return .object(
      Dictionary(uniqueKeysWithValues: options.map { ($0.name, $0.values.json(default: $0.read(usual))) }))
  }

  /// Sets the options that `json` names.
  ///
  /// - Parameter also: names that are read elsewhere.
  /// - Throws: `ConfigurationError` for a value that is not taken, `JSONError` for one of another kind or a name that
  ///   is no option.
  public mutating func apply(_ json: JSONCursor, also: Set<String> = []) throws {
    try json.refuseKeys(otherThan: Self.options.map(\.name) + also.sorted())
    for option in Self.options {
      if let place = try json.optionalMember(option.name) { try set(option, place) }
    }
  }

  /// Reading checks ranges; a configuration that was put together in Swift has not been read.
  ///
  /// - Throws: `ConfigurationError` for the first option outside its range.
  public func checkRanges() throws {
    var copy = self
    for option in Self.options { try copy.set(option, JSONCursor(option.read(self), source: option.name)) }
  }

  /// The options in which this differs from `other`: (name, value here, value there).
  public func differences(from other: Self) -> [(name: String, here: JSONValue, there: JSONValue)] {
    Self.options.compactMap { option in
      let (here, there) = (option.read(self), option.read(other))
      return here == there ? nil : (option.name, here, there)
    }
  }

  private mutating func set(_ option: Option<Self>, _ place: JSONCursor) throws {
    do {
      try option.write(&self, place)
    } catch var error as ConfigurationError {
      error.list = error.list ?? Self.name
      throw error
    }
  }
}
