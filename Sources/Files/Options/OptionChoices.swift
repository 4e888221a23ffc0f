import Compute

extension OptionKind where Value: RawRepresentable<String> & CaseIterable {
  public static var choice: OptionKind { choice(except: []) }

  /// Any of them but some that do not go here.
  public static func choice(except left: [Value]) -> OptionKind {
    let leftOut = left.map(\.rawValue)
    let names = Value.allCases.map(\.rawValue).filter { !leftOut.contains($0) }
    return OptionKind(values: OptionValues(type: "choice", choices: names, wanted: oneOf(names))) {
      let name = try $0.string()
      return names.contains(name) ? Value(rawValue: name) : nil
    } json: {
      .string($0.rawValue)
    }
  }
}

extension OptionKind<String> {
  /// One of some names that no type lists.
  public static func choice(of names: [String]) -> OptionKind {
    OptionKind(values: OptionValues(type: "choice", choices: names, wanted: oneOf(names))) {
      let name = try $0.string()
      return names.contains(name) ? name : nil
    } json: {
      .string($0)
    }
  }
}

extension OptionKind<[Int]> {
  /// Rows and columns, or height and width; one number for both.
  public static func sides(_ range: ClosedRange<Int>) -> OptionKind {
    let bounds = "\(range.lowerBound) … \(range.upperBound)"
    let values = OptionValues(
      type: "sides", least: .integer(range.lowerBound), largest: .integer(range.upperBound),
      wanted: "rows and columns, or one whole number, \(bounds)")
    return OptionKind(values: values) { place in
      let sides: [Int]
      switch place.value {
      case .integer(let side): sides = [side, side]
      case .array: sides = try place.elements().map { try $0.int() }
      default: return nil
      }
      return sides.count == 2 && sides.allSatisfy(range.contains) ? sides : nil
    } json: {
      .array($0.map { .integer($0) })
    }
  }
}

/// A whole number, or a name.
public enum NumberOrName: Sendable, Equatable {
  case number(Int)
  case name(String)
}

extension OptionKind<NumberOrName> {
  /// A whole number, or one of some names.
  public static func integer(_ range: ClosedRange<Int>, orOneOf names: [String]) -> OptionKind {
    let values = OptionValues(
      type: "integer", least: .integer(range.lowerBound), largest: .integer(range.upperBound), choices: names,
      wanted: "\(range.lowerBound) … \(range.upperBound), or \(oneOf(names))")
    return OptionKind(values: values) { place in
      if case .string(let name) = place.value { return names.contains(name) ? .name(name) : nil }
      let value = try place.int()
      return range.contains(value) ? .number(value) : nil
    } json: {
      switch $0 {
      case .number(let value): .integer(value)
      case .name(let name): .string(name)
      }
    }
  }
}
