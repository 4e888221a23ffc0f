import Compute
import Files

/// Where the schedules of a run stand and where they end: from `progress` at step `begin` they go evenly to 1 at
/// `totalSteps`.
///
/// A run of so many epochs has one span from its first step to its last. One that ends by the clock gets others on its
/// way, as it learns how many steps there is time for; between two of them everything follows from seed and step.
public struct ScheduleSpan: Sendable, Equatable {
  public let begin: Int
  public let progress: Double
  public let totalSteps: Int
  /// Seconds that the run had taken at its beginning, as counted by whoever ends it by the clock.
  public let seconds: Double

  /// The span of a run whose length is known.
  init(totalSteps: Int) { (begin, progress, self.totalSteps, seconds) = (0, 0, totalSteps, 0) }

  /// - Throws: `ArgumentError` where numbers are outside their range.
  init(begin: Int, progress: Double, totalSteps: Int, seconds: Double) throws {
    guard (0...1).contains(progress) else {
      throw ArgumentError("progress: is \(progress), wanted 0 … 1")
    }
    guard (max(begin, 1)...Int(Int32.max)).contains(totalSteps) else {
      throw ArgumentError("total_steps: is \(totalSteps), wanted \(max(begin, 1)) … \(Int32.max)")
    }
    guard seconds >= 0, seconds.isFinite else {
      throw ArgumentError("seconds: is \(seconds), wanted a finite number from 0")
    }
    (self.begin, self.progress, self.totalSteps, self.seconds) = (begin, progress, totalSteps, seconds)
  }

  /// 0 at the first step of a run, below 1 at its last.
  func progress(at step: Int) -> Double {
    guard step < totalSteps else { return 1 }
    return progress + (1 - progress) * (Double(step - begin) / Double(totalSteps - begin))
  }

  /// - Throws: `JSONError`, `ArgumentError`.
  init(json: JSONCursor) throws {
    try json.refuseKeys(otherThan: ["begin", "progress", "total_steps", "seconds"])
    try self.init(
      begin: json.member("begin").int(), progress: json.member("progress").double(),
      totalSteps: json.member("total_steps").int(), seconds: json.member("seconds").double())
  }

  /// As checkpoints hold it.
  var json: JSONValue {
    [
      "begin": .integer(begin), "progress": .number(progress), "total_steps": .integer(totalSteps),
      "seconds": .number(seconds),
    ]
  }
}
