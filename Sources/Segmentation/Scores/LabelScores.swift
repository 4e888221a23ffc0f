import Compute
import Files

/// Scores of label maps, added one after another, for languages that know them by their names.
public protocol LabelScores: Sendable {
  /// The next frames of a video, or images; see `VideoScores.add` and `SegmentationScores.add`.
  mutating func add(
    _ name: String, predicted: UnsafeBufferPointer<Int32>, truth: UnsafeBufferPointer<Int32>, frames: Int,
    height: Int, width: Int
  ) throws
  /// Everything found so far.
  func json() throws -> JSONValue
}

/// Scores of this kind, nothing added yet.
///
/// - Parameters:
///   - name: "davis" or "segmentation".
///   - options: of `VideoScoring` or `SegmentationScoring`.
/// - Throws: `ArgumentError` for another name, `ConfigurationError`, `JSONError`.
public func labelScores(named name: String, options: JSONCursor) throws -> any LabelScores {
  switch name {
  case VideoScoring.name:
    var scoring = VideoScoring()
    try scoring.apply(options)
    return try VideoScores(scoring)
  case SegmentationScoring.name:
    var scoring = SegmentationScoring()
    try scoring.apply(options)
    return try SegmentationScores(scoring)
  default:
    throw ArgumentError(
      "scores: there are none named \(quoted([name])), wanted \(oneOf([VideoScoring.name, SegmentationScoring.name]))")
  }
}

extension VideoScores: LabelScores {
  public func json() throws -> JSONValue { try report().json }
}

extension SegmentationScores: LabelScores {
  /// - Parameter name: of no meaning here.
  public mutating func add(
    _ name: String, predicted: UnsafeBufferPointer<Int32>, truth: UnsafeBufferPointer<Int32>, frames: Int,
    height: Int, width: Int
  ) throws {
    try add(predicted: predicted, truth: truth, images: frames, height: height, width: width)
  }

  public func json() throws -> JSONValue { try report().json }
}
