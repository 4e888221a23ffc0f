import Compute
import Files

/// How segments without names are scored against masks.
public struct SegmentationScoring: Configurable, Equatable {
  public static let name = "segmentation"

  public var matching = Matching.image
  public var by = Overlap.iou
  /// Labels of the truth whose pixels do not count.
  public var ignored = [Int(voidLabel)]

  /// Where a segment's number means the same.
  public enum Matching: String, Sendable, CaseIterable {
    /// Within an image: each has a matching of its own, and scores are means over images.
    case image
    /// In all images, as after clustering them together: there is one matching for all pixels.
    case set
  }

  /// What the matching makes as large as can be.
  public enum Overlap: String, Sendable, CaseIterable {
    /// The mean IoU.
    case iou
    /// The number of pixels told right.
    case pixels
  }

  public static let options: [Option<SegmentationScoring>] = [
    Option("matching", \.matching, .choice), Option("by", \.by, .choice),
    Option("ignored", \.ignored, .list(.integer(Int(Int32.min)...Int(Int32.max)))),
  ]

  public init() {}
}

/// How well segments agree with masks: each class of the truth is matched with one segment at most (Hungarian method).
public struct SegmentationScores: Sendable {
  public let scoring: SegmentationScoring
  private let ignored: Set<Int32>
  private var images: [MatchedSegments] = []
  private var pooled = LabelCounts()

  /// - Throws: `ConfigurationError`.
  public init(_ scoring: SegmentationScoring = SegmentationScoring()) throws {
    try scoring.checkRanges()
    self.scoring = scoring
    ignored = Set(scoring.ignored.map { Int32($0) })
  }

  /// More images of one size.
  ///
  /// - Parameters:
  ///   - predicted: and `truth`: [images, height, width]; 0 is a label like the others.
  /// - Throws: `SegmentationError`, `OutOfMemory`, `Interrupted`.
  public mutating func add(
    predicted: UnsafeBufferPointer<Int32>, truth: UnsafeBufferPointer<Int32>, images count: Int, height: Int, width: Int
  ) throws {
    let size = try frameSize(predicted.count, truth.count, frames: count, height: height, width: width)
    for image in 0..<count {
      try Interruption.check()
      let range = (image * size)..<((image + 1) * size)
      let counts = LabelCounts(
        UnsafeBufferPointer(rebasing: predicted[range]), UnsafeBufferPointer(rebasing: truth[range]), ignored)
      let matched = try scoring.matching == .image ? MatchedSegments(counts, by: scoring.by) : nil
      if let matched { images.append(matched) } else { pooled.add(counts) }
    }
  }

  /// What was found so far.
  ///
  /// - Throws: `SegmentationError.nothingLabelled` where no pixel counts, `OutOfMemory`, `Interrupted`.
  public func report() throws -> SegmentationReport {
    let found = try scoring.matching == .image ? images : [MatchedSegments(pooled, by: scoring.by)]
    let counted = found.filter { $0.pixels > 0 }
    guard !counted.isEmpty else { throw SegmentationError.nothingLabelled(ignored: scoring.ignored) }
    return SegmentationReport(scoring: scoring, images: found)
  }
}

/// How many pixels have each pair of a segment and a class.
struct LabelCounts: Sendable {
  private(set) var pairs: [Pair: Int] = [:]

  struct Pair: Hashable {
    let segment: Int32
    let truth: Int32
  }

  init() {}

  init(_ predicted: UnsafeBufferPointer<Int32>, _ truth: UnsafeBufferPointer<Int32>, _ ignored: Set<Int32>) {
    var start = 0
    // Runs of equal pairs, which are long.
    for index in truth.indices.dropFirst() + [truth.count] {
      if index < truth.count, predicted[index] == predicted[start], truth[index] == truth[start] { continue }
      if !ignored.contains(truth[start]) {
        pairs[Pair(segment: predicted[start], truth: truth[start]), default: 0] += index - start
      }
      start = index
    }
  }

  mutating func add(_ other: LabelCounts) { pairs.merge(other.pairs, uniquingKeysWith: +) }
}

/// Classes of the truth, each with the segment that stands for it.
public struct MatchedSegments: Sendable, Equatable {
  /// In the order of labels.
  public let classes: [MatchedClass]
  /// Pixels that count, and those among them whose segment stands for their class.
  public let pixels: Int
  public let correct: Int

  public struct MatchedClass: Sendable, Equatable {
    public let label: Int32
    /// Nil where there are fewer segments than classes.
    public let segment: Int32?
    /// |∩| / |∪| of the class and the segment; 0 without one.
    public let iou: Double
  }

  public var meanIoU: Double { classes.reduce(0) { $0 + $1.iou } / Double(max(classes.count, 1)) }
  public var accuracy: Double { Double(correct) / Double(max(pixels, 1)) }

  init(_ counts: LabelCounts, by overlap: SegmentationScoring.Overlap) throws {
    let labels = Set(counts.pairs.keys.map(\.truth)).sorted()
    let segments = Set(counts.pairs.keys.map(\.segment)).sorted()
    let (cells, overflows) = labels.count.multipliedReportingOverflow(by: segments.count)
    try OutOfMemory.check(for: overflows ? .max : 2 * cells, of: Double.self)
    let rows = Dictionary(uniqueKeysWithValues: labels.enumerated().map { ($1, $0) })
    let columns = Dictionary(uniqueKeysWithValues: segments.enumerated().map { ($1, $0) })
    var common = [Int](repeating: 0, count: cells)
    var (inClass, inSegment) = ([Int](repeating: 0, count: labels.count), [Int](repeating: 0, count: segments.count))
    for (pair, count) in counts.pairs {
      guard let row = rows[pair.truth], let column = columns[pair.segment] else { continue }
      common[row * segments.count + column] = count
      inClass[row] += count
      inSegment[column] += count
    }
    func iou(_ row: Int, _ column: Int) -> Double {
      let both = common[row * segments.count + column]
      return Double(both) / Double(inClass[row] + inSegment[column] - both)
    }
    let weights = (0..<cells).map { cell in
      overlap == .pixels ? Double(common[cell]) : iou(cell / segments.count, cell % segments.count)
    }
    let matches = try assignment(weights: weights, rows: labels.count, columns: segments.count)
    classes = labels.indices.map { row in
      MatchedClass(
        label: labels[row], segment: matches[row].map { segments[$0] }, iou: matches[row].map { iou(row, $0) } ?? 0)
    }
    pixels = inClass.reduce(0, +)
    correct = labels.indices.reduce(0) { sum, row in
      sum + (matches[row].map { common[row * segments.count + $0] } ?? 0)
    }
  }
}
