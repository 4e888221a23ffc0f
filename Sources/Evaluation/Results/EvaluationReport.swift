import Compute
import Files

/// What several protocols found, what did not apply, and why.
public struct EvaluationReport: Sendable, CustomStringConvertible {
  public let results: [EvaluationResult]
  public let leftOut: [LeftOut]

  /// A protocol that did not apply.
  public struct LeftOut: Sendable, Equatable {
    public let name: String
    public let reason: String
  }

  public init(results: [EvaluationResult], leftOut: [LeftOut] = []) {
    (self.results, self.leftOut) = (results, leftOut)
  }

  /// A table in Markdown for each kind of score, and a line for each protocol left out; without a last line break.
  public var markdown: String {
    var headers: [[String]] = []
    for result in results where !headers.contains(result.header) { headers.append(result.header) }
    let tables = headers.map { header in
      let lines = [markdownRow(header), "|" + String(repeating: "---|", count: header.count)]
      return (lines + results.filter { $0.header == header }.map(\.description)).joined(separator: "\n")
    }
    let rest = leftOut.map { "- \($0.name) left out: \($0.reason)" }
    return (tables + (rest.isEmpty ? [] : [rest.joined(separator: "\n")])).joined(separator: "\n\n")
  }

  public var description: String { markdown }

  /// Everything, for other languages.
  public var json: JSONValue {
    [
      "results": .array(results.map(\.json)), "markdown": .string(markdown),
      "left_out": .array(leftOut.map { .array([.string($0.name), .string($0.reason)]) }),
    ]
  }
}
