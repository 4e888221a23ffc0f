import Compute

extension OptionKind where Value: RawRepresentable<String> & CaseIterable {
  public static var choice: OptionKind {
    let names = Value.allCases.map(\.rawValue)
    return OptionKind(values: OptionValues(type: "choice", choices: names, wanted: oneOf(names))) {
      Value(rawValue: try $0.string())
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
