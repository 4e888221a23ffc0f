import Files

/// What a protocol found. Each kind of score has columns of its own.
public protocol EvaluationScore: Sendable {
  /// [scored], what was scored: indices in the test set.
  var images: [Int] { get }
  /// What a table's row ends with.
  var columns: [ScoreColumn] { get }
  /// Everything by name, for other languages.
  var json: [String: JSONValue] { get }
}

/// A number of a table's row, and what stands above it.
public struct ScoreColumn: Sendable, Equatable {
  public let name: String
  public let text: String

  public init(_ name: String, _ text: String) { (self.name, self.text) = (name, text) }
}

/// Whole numbers as JSON.
func json(_ numbers: [Int]) -> JSONValue { .array(numbers.map { .integer($0) }) }
