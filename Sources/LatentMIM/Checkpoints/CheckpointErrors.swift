import Compute

/// A file whose configuration or state is not what it should be.
public struct CheckpointError: DescribedError, Equatable {
  public let kind = ErrorKind.value
  public let path: String
  public let problem: String
  public var description: String { "\(path): \(problem)" }
}

/// Weights that do not fit the model: every problem at once.
public struct WeightsError: DescribedError, Equatable {
  public let kind = ErrorKind.value
  /// Where the weights came from.
  public let source: String
  public let problems: [String]

  /// How many lines of problems a message has at most.
  private static let mostLines = 6

  /// One line for a problem; of several, the first ones, those of several blocks together.
  public var description: String {
    var lines: [(text: String, count: Int)] = []
    var places: [String: Int] = [:]
    var seen: Set<String> = []
    for problem in problems where seen.insert(problem).inserted {
      let alike = withoutBlock(problem)
      if let place = places[alike] {
        lines[place] = (alike, lines[place].count + 1)
      } else {
        places[alike] = lines.count
        lines.append((problem, 1))
      }
    }
    guard seen.count > 1 else { return "\(source): \(problems.first ?? "")" }
    let shown = lines.prefix(Self.mostLines).map {
      shortened($0.text, to: 300) + ($0.count > 1 ? " (\($0.count)×)" : "")
    }
    let rest = seen.count - lines.prefix(Self.mostLines).reduce(0) { $0 + $1.count }
    return "\(source): \(seen.count) tensors do not fit the model:\n  "
      + (shown + (rest > 0 ? ["and \(rest) more"] : [])).joined(separator: "\n  ")
  }
}

/// A problem with `*` for the number of the block in the name that it begins with.
private func withoutBlock(_ problem: String) -> String {
  guard let space = problem.firstIndex(of: " ") else { return starred(problem).name }
  return starred(String(problem[..<space])).name + problem[space...]
}
