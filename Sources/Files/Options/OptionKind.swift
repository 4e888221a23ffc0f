/// What values an option takes, as other languages are told.
public struct OptionValues: Sendable, Equatable {
  /// "integer", "number", "flag", "text", "choice", or "sides": rows and columns, or one number for both.
  public let type: String
  /// The least and the largest value of numbers.
  public var least: JSONValue?
  public var largest: JSONValue?
  /// The names of a choice.
  public var choices: [String]?
  /// Whether null is taken: nothing given, so that something else decides.
  public var isOptional = false
  /// Whether there may be several.
  public var isList = false
  /// What messages say.
  var wanted: String

  /// With its default.
  func json(default value: JSONValue) -> JSONValue {
    var members: [String: JSONValue] = [
      "type": .string(type), "optional": .bool(isOptional), "list": .bool(isList), "default": value,
    ]
    (members["least"], members["largest"]) = (least, largest)
    members["choices"] = choices.map { .array($0.map { .string($0) }) }
    return .object(members)
  }
}

/// How a Swift value stands in JSON, and which values are taken.
public struct OptionKind<Value> {
  let values: OptionValues
  /// Throws `JSONError` for another kind of value; nil for one that is not among those taken.
  let parse: (JSONCursor) throws -> Value?
  let json: (Value) -> JSONValue
}

extension OptionKind {
  /// The same, or null.
  public static func optional<Wrapped>(_ kind: OptionKind<Wrapped>) -> OptionKind where Value == Wrapped? {
    var values = kind.values
    values.isOptional = true
    return OptionKind(values: values) { place in
      place.value == .null ? .some(nil) : try kind.parse(place).map { .some($0) }
    } json: {
      $0.map(kind.json) ?? .null
    }
  }

  /// Several of them, in a list.
  public static func list<Element>(_ kind: OptionKind<Element>) -> OptionKind where Value == [Element] {
    var values = kind.values
    (values.isList, values.wanted) = (true, "each \(values.wanted)")
    return OptionKind(values: values) { place in
      let found = try place.elements().map(kind.parse)
      return found.contains { $0 == nil } ? nil : found.compactMap { $0 }
    } json: {
      .array($0.map(kind.json))
    }
  }

  /// Several of them, in a list, or one alone.
  public static func oneOrMore<Element>(_ kind: OptionKind<Element>) -> OptionKind where Value == [Element] {
    let several = list(kind)
    return OptionKind(values: several.values) { place in
      if case .array = place.value { return try several.parse(place) }
      return try kind.parse(place).map { [$0] }
    } json: {
      several.json($0)
    }
  }
}

extension OptionKind<Int> {
  public static func integer(_ range: ClosedRange<Int>) -> OptionKind {
    let values = OptionValues(
      type: "integer", least: .integer(range.lowerBound), largest: .integer(range.upperBound),
      wanted: "\(range.lowerBound) … \(range.upperBound)")
    return OptionKind(values: values) { place in
      let value = try place.int()
      return range.contains(value) ? value : nil
    } json: {
      .integer($0)
    }
  }
}

extension OptionKind<Double> {
  /// - Parameter because: what messages say of the range.
  public static func number(_ range: ClosedRange<Double>, because: String? = nil) -> OptionKind {
    let values = OptionValues(
      type: "number", least: .number(range.lowerBound), largest: .number(range.upperBound),
      wanted: "\(range.lowerBound) … \(range.upperBound)" + (because.map { ": " + $0 } ?? ""))
    return OptionKind(values: values) { place in
      let value = try place.double()
      return range.contains(value) ? value : nil
    } json: {
      .number($0)
    }
  }
}

extension OptionKind<Bool> {
  public static var flag: OptionKind {
    OptionKind(values: OptionValues(type: "flag", wanted: "true or false")) {
      try $0.bool()
    } json: {
      .bool($0)
    }
  }
}

extension OptionKind<String> {
  public static var text: OptionKind {
    OptionKind(values: OptionValues(type: "text", wanted: "a text")) {
      try $0.string()
    } json: {
      .string($0)
    }
  }
}
