import Compute
import Files

/// How the masks of a video are scored.
public struct VideoScoring: Configurable, Equatable {
  public static let name = "davis"

  public var void = VoidPixels.background
  /// Whether the first and the last frame of a sequence count too; DAVIS leaves out both: the first is given.
  public var allFrames = false

  public static let options: [Option<VideoScoring>] = [
    Option("void", \.void, .choice), Option("all_frames", \.allFrames, .flag),
  ]

  public init() {}
}

/// J and F of the objects in sequences of frames, added frame by frame.
///
/// A sequence's objects are the labels of its first frame; what appears later is left out, and named. Where that frame
/// holds 0 and 255 alone, as DAVIS 2016's do, everything that is not 0 is the one object, number 1, here and in all
/// that is predicted for the sequence.
public struct VideoScores: Sendable {
  public let scoring: VideoScoring
  private var sequences: [SequenceScores] = []

  /// - Throws: `ConfigurationError`.
  public init(_ scoring: VideoScoring = VideoScoring()) throws {
    try scoring.checkRanges()
    self.scoring = scoring
  }

  /// The next frames of a sequence, the first ones where its name is new.
  ///
  /// - Parameters:
  ///   - predicted: and `truth`: [frames, height, width], labels. What is predicted for frames that do not count does
  ///     not matter.
  /// - Throws: `SegmentationError`, `OutOfMemory`, `Interrupted`; frames added before stay.
  public mutating func add(
    _ sequence: String, predicted: UnsafeBufferPointer<Int32>, truth: UnsafeBufferPointer<Int32>, frames: Int,
    height: Int, width: Int
  ) throws {
    let size = try frameSize(predicted.count, truth.count, frames: frames, height: height, width: width)
    guard frames > 0 else { return }
    let place = sequences.firstIndex { $0.name == sequence }
    var scores =
      try place.map { sequences[$0] }
      ?? SequenceScores(
        sequence, first: UnsafeBufferPointer(rebasing: truth[..<size]), height: height, width: width, void: scoring.void
      )
    try scores.add(predicted, truth, frames: frames, height: height, width: width)
    if let place { sequences[place] = scores } else { sequences.append(scores) }
  }

  /// What was found so far.
  ///
  /// - Throws: `SegmentationError.frameCount` where no frame of a sequence counts.
  public func report() throws -> VideoReport {
    let objects = try sequences.flatMap { try $0.objectScores(allFrames: scoring.allFrames) }
    return VideoReport(objects: objects, leftOut: sequences.flatMap(\.leftOut))
  }
}

/// One sequence's frames.
private struct SequenceScores {
  let name: String
  private let (height, width): (Int, Int)
  private let objects: [Int32]
  /// Whether everything that is not 0 is the object.
  private let isForeground: Bool
  private let void: VoidPixels
  /// [frames, objects].
  private var similarities: [Double] = []
  private var accuracies: [Double] = []
  private(set) var leftOut: [VideoReport.LeftOut] = []

  init(_ name: String, first: UnsafeBufferPointer<Int32>, height: Int, width: Int, void: VoidPixels) throws {
    let labels = distinctLabels(first)
    isForeground = labels == [voidLabel] && void == .background
    objects = isForeground ? [1] : labels.filter { $0 != voidLabel }
    guard !objects.isEmpty else { throw SegmentationError.noObjects(sequence: name) }
    (self.name, self.height, self.width, self.void) = (name, height, width, void)
  }

  private var frameCount: Int { similarities.count / objects.count }

  mutating func add(
    _ predicted: UnsafeBufferPointer<Int32>, _ truth: UnsafeBufferPointer<Int32>, frames: Int, height: Int, width: Int
  ) throws {
    guard height == self.height, width == self.width else {
      throw SegmentationError.frameSize(
        sequence: name, frame: frameCount, found: [height, width], wanted: [self.height, self.width])
    }
    let newlyLeftOut = try laterObjects(truth, frames: frames)
    let found = try isForeground ? foreground(predicted, truth, frames) : scores(predicted, truth, frames)
    similarities += found.regionSimilarity
    accuracies += found.boundaryAccuracy
    leftOut += newlyLeftOut
  }

  /// Labels that the first frame does not have.
  private func laterObjects(_ truth: UnsafeBufferPointer<Int32>, frames: Int) throws -> [VideoReport.LeftOut] {
    var found: [VideoReport.LeftOut] = []
    for frame in 0..<frames {
      let size = height * width
      let labels = distinctLabels(UnsafeBufferPointer(rebasing: truth[(frame * size)..<((frame + 1) * size)]))
      for label in labels where label != voidLabel && (isForeground || !objects.contains(label)) {
        if isForeground { throw SegmentationError.mixedForeground(sequence: name, frame: frameCount + frame, label) }
        guard !(leftOut + found).contains(where: { $0.label == label }) else { continue }
        found.append(VideoReport.LeftOut(sequence: name, label: label, frame: frameCount + frame))
      }
    }
    return found
  }

  private func scores(_ predicted: UnsafeBufferPointer<Int32>, _ truth: UnsafeBufferPointer<Int32>, _ frames: Int)
    throws -> MaskScores
  {
    try MaskScores(
      predicted: predicted, truth: truth, frames: frames, height: height, width: width, objects: objects, void: void)
  }

  private func foreground(_ predicted: UnsafeBufferPointer<Int32>, _ truth: UnsafeBufferPointer<Int32>, _ frames: Int)
    throws -> MaskScores
  {
    try OutOfMemory.check(for: 2 * truth.count, of: Int32.self)
    let isObject: (Int32) -> Int32 = { $0 == 0 ? 0 : 1 }
    let (predicted, truth) = (predicted.map(isObject), truth.map(isObject))
    return try predicted.withUnsafeBufferPointer { predicted in
      try truth.withUnsafeBufferPointer { try scores(predicted, $0, frames) }
    }
  }

  func objectScores(allFrames: Bool) throws -> [VideoReport.ObjectScores] {
    let counted = allFrames ? 0..<frameCount : 1..<max(frameCount - 1, 1)
    guard !counted.isEmpty else { throw SegmentationError.frameCount(sequence: name, frameCount) }
    return objects.indices.map { place in
      let column = { (values: [Double]) in counted.map { values[$0 * objects.count + place] } }
      return VideoReport.ObjectScores(
        sequence: name, object: objects[place], similarities: column(similarities), accuracies: column(accuracies))
    }
  }
}

/// Every label but 0, in rising order.
func distinctLabels(_ labels: UnsafeBufferPointer<Int32>) -> [Int32] {
  var found: Set<Int32> = []
  var last: Int32 = 0
  for label in labels where label != last {
    found.insert(label)
    last = label
  }
  return found.subtracting([0]).sorted()
}
