import Files
import Compute

/// One option of a configuration: its name in files and in Python, how it is read, checked and written.
///
/// A configuration type lists its options once; reading, writing, range checks, refusal of unknown names and the
/// comparison with a preset all follow from that list.
struct Option<Root> {
  let name: String
  let read: (Root) -> JSONValue
  let write: (inout Root, JSONCursor) throws -> Void
}

/// An option outside its range, or options that do not go together.
public struct ConfigurationError: DescribedError, Equatable {
  public let kind = ErrorKind.value
  public let option: String
  public let problem: String
  public var description: String { "\(option) \(problem)" }

  init(_ option: String, _ problem: String) {
    self.option = option
    self.problem = problem
  }
}

extension Option {
  static func integer(_ name: String, _ path: WritableKeyPath<Root, Int>, _ range: ClosedRange<Int>) -> Option {
    Option(name: name) {
      .integer($0[keyPath: path])
    } write: { root, place in
      let value = try place.int()
      guard range.contains(value) else {
        throw ConfigurationError(name, "is \(value), wanted \(range.lowerBound) … \(range.upperBound)")
      }
      root[keyPath: path] = value
    }
  }

  /// A whole number, or null.
  static func optionalInteger(
    _ name: String, _ path: WritableKeyPath<Root, Int?>, _ range: ClosedRange<Int>
  ) -> Option {
    Option(name: name) {
      $0[keyPath: path].map { .integer($0) } ?? .null
    } write: { root, place in
      guard place.value != .null else { return root[keyPath: path] = nil }
      let value = try place.int()
      guard range.contains(value) else {
        throw ConfigurationError(name, "is \(value), wanted \(range.lowerBound) … \(range.upperBound), or null")
      }
      root[keyPath: path] = value
    }
  }

  static func number(_ name: String, _ path: WritableKeyPath<Root, Double>, _ range: ClosedRange<Double>) -> Option {
    Option(name: name) {
      .number($0[keyPath: path])
    } write: { root, place in
      let value = try place.double()
      guard range.contains(value) else {
        throw ConfigurationError(name, "is \(value), wanted \(range.lowerBound) … \(range.upperBound)")
      }
      root[keyPath: path] = value
    }
  }

  /// A number, or null.
  static func optionalNumber(
    _ name: String, _ path: WritableKeyPath<Root, Double?>, _ range: ClosedRange<Double>
  ) -> Option {
    Option(name: name) {
      $0[keyPath: path].map { .number($0) } ?? .null
    } write: { root, place in
      guard place.value != .null else { return root[keyPath: path] = nil }
      let value = try place.double()
      guard range.contains(value) else {
        throw ConfigurationError(name, "is \(value), wanted \(range.lowerBound) … \(range.upperBound), or null")
      }
      root[keyPath: path] = value
    }
  }

  static func flag(_ name: String, _ path: WritableKeyPath<Root, Bool>) -> Option {
    Option(name: name) {
      .bool($0[keyPath: path])
    } write: { root, place in
      root[keyPath: path] = try place.bool()
    }
  }

  static func choice<Choice: RawRepresentable<String> & CaseIterable>(
    _ name: String, _ path: WritableKeyPath<Root, Choice>
  ) -> Option {
    Option(name: name) {
      .string($0[keyPath: path].rawValue)
    } write: { root, place in
      let value = try place.string()
      guard let choice = Choice(rawValue: value) else {
        let known = Choice.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", ")
        throw ConfigurationError(name, "is '\(value)', wanted one of \(known)")
      }
      root[keyPath: path] = choice
    }
  }

  static func numbers(_ name: String, _ path: WritableKeyPath<Root, [Double]>, _ range: ClosedRange<Double>) -> Option {
    Option(name: name) {
      .array($0[keyPath: path].map { .number($0) })
    } write: { root, place in
      root[keyPath: path] = try place.elements().map { element in
        let value = try element.double()
        guard range.contains(value) else {
          throw ConfigurationError(name, "holds \(value), wanted \(range.lowerBound) … \(range.upperBound)")
        }
        return value
      }
    }
  }
}

/// What both configurations can do with their list of options.
protocol Configurable: Equatable, Sendable {
  static var options: [Option<Self>] { get }
}

extension Configurable {
  /// Every option by its name.
  var allOptions: JSONValue {
    .object(Dictionary(uniqueKeysWithValues: Self.options.map { ($0.name, $0.read(self)) }))
  }

  /// Sets the options that `json` names.
  ///
  /// - Parameter also: names that are read elsewhere.
  /// - Throws: `ConfigurationError` for a value out of range or a name that is no option.
  mutating func apply(_ json: JSONCursor, also: Set<String> = []) throws {
    let given = try json.object()
    let known = Self.options.map(\.name)
    let unknown = given.keys.filter { !known.contains($0) && !also.contains($0) }.sorted()
    guard unknown.isEmpty else {
      throw JSONError.unknownKeys(path: json.path, keys: unknown, known: known + also.sorted())
    }
    for option in Self.options {
      if let place = try json.optionalMember(option.name) { try option.write(&self, place) }
    }
  }

  /// Reading checks ranges; a configuration that was put together in Swift has not been read.
  ///
  /// - Throws: `ConfigurationError` for the first option outside its range.
  func checkRanges() throws {
    var copy = self
    for option in Self.options { try option.write(&copy, JSONCursor(option.read(self), source: option.name)) }
  }

  /// The options in which this differs from `other`: (name, value here, value there).
  func differences(from other: Self) -> [(name: String, here: JSONValue, there: JSONValue)] {
    Self.options.compactMap { option in
      let (here, there) = (option.read(self), option.read(other))
      return here == there ? nil : (option.name, here, there)
    }
  }
}
