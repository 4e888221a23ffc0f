/// What DAVIS says of the scores of one object in a sequence of frames.
public struct ScoreStatistics: Sendable, Equatable {
  public var mean: Double
  /// The share of frames above ½.
  public var recall: Double
  /// The mean of the first quarter of frames less that of the last.
  public var decay: Double

  /// - Parameter values: one for each frame, at least one; of none all three are 0.
  public init(_ values: some RandomAccessCollection<Double>) {
    guard !values.isEmpty else {
      (mean, recall, decay) = (0, 0, 0)
      return
    }
    mean = Self.mean(values)
    recall = Double(values.count { $0 > 0.5 }) / Double(values.count)
    // A quarter begins and ends with frames 1 + k(n − 1)/4, rounded, halves up, and counts both.
    let bounds = (0...4).map { ($0 * (values.count - 1) + 2) / 4 }
    let quarter = { (first: Int) in
      Self.mean(values.dropFirst(bounds[first]).prefix(bounds[first + 1] - bounds[first] + 1))
    }
    decay = quarter(0) - quarter(3)
  }

  /// The mean of several objects' statistics; of none all three are 0.
  public init(meanOf objects: some Collection<ScoreStatistics>) {
    let count = Double(max(objects.count, 1))
    mean = objects.reduce(0) { $0 + $1.mean } / count
    recall = objects.reduce(0) { $0 + $1.recall } / count
    decay = objects.reduce(0) { $0 + $1.decay } / count
  }

  private static func mean(_ values: some Collection<Double>) -> Double {
    values.reduce(0, +) / Double(values.count)
  }
}
