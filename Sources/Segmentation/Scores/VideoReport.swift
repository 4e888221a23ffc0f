import Compute
import Files

/// J and F of every object, of every sequence, and of all.
public struct VideoReport: Sendable {
  /// In the order of sequences and labels.
  public let objects: [ObjectScores]
  public let leftOut: [LeftOut]

  /// One object in the frames that count.
  public struct ObjectScores: Sendable, Equatable {
    public let sequence: String
    public let object: Int32
    /// [frames], J.
    public let similarities: [Double]
    /// [frames], F.
    public let accuracies: [Double]

    public var summary: Summary {
      Summary(regionSimilarity: ScoreStatistics(similarities), boundaryAccuracy: ScoreStatistics(accuracies))
    }
  }

  /// An object that is not in its sequence's first frame.
  public struct LeftOut: Sendable, Equatable {
    public let sequence: String
    public let label: Int32
    /// Where it appears, from 0.
    public let frame: Int
  }

  /// J and F of an object, or their means over several.
  public struct Summary: Sendable, Equatable {
    public var regionSimilarity: ScoreStatistics
    public var boundaryAccuracy: ScoreStatistics

    /// J&F: the mean of both means.
    public var mean: Double { (regionSimilarity.mean + boundaryAccuracy.mean) / 2 }
  }

  /// The mean over all objects, whatever sequences they are in.
  public var overall: Summary { summary(of: objects) }

  /// The names of sequences, in order.
  public var sequences: [String] {
    objects.map(\.sequence).reduce(into: []) { names, name in if names.last != name { names.append(name) } }
  }

  /// The mean over the objects of a sequence.
  public func summary(of sequence: String) -> Summary { summary(of: objects(in: sequence)) }

  private func objects(in sequence: String) -> [ObjectScores] { objects.filter { $0.sequence == sequence } }

  private func summary(of objects: [ObjectScores]) -> Summary {
    let summaries = objects.map(\.summary)
    return Summary(
      regionSimilarity: ScoreStatistics(meanOf: summaries.map(\.regionSimilarity)),
      boundaryAccuracy: ScoreStatistics(meanOf: summaries.map(\.boundaryAccuracy)))
  }

  /// A table in Markdown, all first, then each sequence, its objects beneath where there are several; and a line for
  /// each object left out.
  public var markdown: String {
    let header = ["sequence", "object", "frames", "J&F", "J", "J recall", "J decay", "F", "F recall", "F decay"]
    var lines = [markdownRow(header), "|" + String(repeating: "---|", count: header.count)]
    lines.append(row("all \(sequences.count) sequences", "all \(objects.count)", objects, overall))
    for name in sequences {
      let own = objects(in: name)
      lines.append(row(name, own.count == 1 ? "\(own[0].object)" : "all \(own.count)", own, summary(of: name)))
      if own.count > 1 { lines += own.map { row(name, "\($0.object)", [$0], $0.summary) } }
    }
    let rest = leftOut.map { "\n- \($0.sequence): object \($0.label) left out, it is not in the first frame" }
    return lines.joined(separator: "\n") + (rest.isEmpty ? "" : "\n" + rest.joined())
  }

  private func row(_ sequence: String, _ object: String, _ scores: [ObjectScores], _ summary: Summary) -> String {
    let frames = Set(scores.map(\.sequence)).reduce(0) { sum, name in
      sum + (scores.first { $0.sequence == name }?.similarities.count ?? 0)
    }
    let numbers = [summary.mean] + [summary.regionSimilarity, summary.boundaryAccuracy].flatMap(\.values)
    return markdownRow([sequence, object, "\(frames)"] + numbers.map { "\(percent($0)) %" })
  }

  /// Everything, for other languages.
  public var json: JSONValue {
    [
      "overall": .object(overall.members),
      "sequences": .array(
        sequences.map { .object(summary(of: $0).members.merging(["sequence": .string($0)]) { first, _ in first }) }),
      "objects": .array(objects.map(\.json)),
      "left_out": .array(
        leftOut.map { .array([.string($0.sequence), .integer(Int($0.label)), .integer($0.frame)]) }),
      "markdown": .string(markdown),
    ]
  }
}

extension ScoreStatistics {
  fileprivate var values: [Double] { [mean, recall, decay] }
  fileprivate var json: JSONValue { ["mean": .number(mean), "recall": .number(recall), "decay": .number(decay)] }
}

extension VideoReport.Summary {
  fileprivate var members: [String: JSONValue] {
    [
      "mean": .number(mean), "region_similarity": regionSimilarity.json, "boundary_accuracy": boundaryAccuracy.json,
    ]
  }
}

extension VideoReport.ObjectScores {
  fileprivate var json: JSONValue {
    let own: [String: JSONValue] = [
      "sequence": .string(sequence), "object": .integer(Int(object)),
      "similarities": .array(similarities.map { .number($0) }), "accuracies": .array(accuracies.map { .number($0) }),
    ]
    return .object(summary.members.merging(own) { first, _ in first })
  }
}
