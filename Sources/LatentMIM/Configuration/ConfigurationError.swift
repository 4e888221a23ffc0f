import Compute

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
