import Compute

/// An option outside its range, or options that do not go together.
public struct ConfigurationError: DescribedError, Equatable {
  public let kind = ErrorKind.value
  /// The list of options it is of, such as a protocol's name; nil where the option says enough.
  public var list: String?
  public let option: String
  public let problem: String
  public var description: String { (list.map { "\($0): " } ?? "") + "\(option) \(problem)" }

  public init(_ option: String, _ problem: String, of list: String? = nil) {
    (self.option, self.problem, self.list) = (option, problem, list)
  }
}

extension RawRepresentable<String> where Self: CaseIterable {
  /// The choice with this name.
  ///
  /// - Throws: `ConfigurationError` for `option`, with the names there are.
  public init(named name: String, option: String) throws {
    guard let choice = Self(rawValue: name) else {
      throw ConfigurationError(option, "is \(quoted([name])), wanted \(oneOf(Self.allCases.map(\.rawValue)))")
    }
    self = choice
  }
}
