import Compute
import Files

/// Mean IoU and pixel accuracy of segments.
public struct SegmentationReport: Sendable {
  public let scoring: SegmentationScoring
  /// One for each image added; where there is one matching for all, that alone.
  public let images: [MatchedSegments]

  /// Those that have pixels that count.
  private var counted: [MatchedSegments] { images.filter { $0.pixels > 0 } }

  /// The mean over classes; over images where each has a matching of its own.
  public var meanIoU: Double { counted.reduce(0) { $0 + $1.meanIoU } / Double(counted.count) }
  /// The share of pixels that are told right, by the same means.
  public var accuracy: Double { counted.reduce(0) { $0 + $1.accuracy } / Double(counted.count) }

  /// A table in Markdown.
  public var markdown: String {
    let matched = scoring.matching == .image ? "\(counted.count) images, each for itself" : "all images together"
    let rows = [
      ["matched", "largest", "mIoU", "pixel accuracy"], ["---", "---", "---", "---"],
      [matched, scoring.by == .iou ? "IoU" : "pixels", "\(percent(meanIoU)) %", "\(percent(accuracy)) %"],
    ]
    return rows.map(markdownRow).joined(separator: "\n")
  }

  /// Everything, for other languages.
  public var json: JSONValue {
    [
      "mean_iou": .number(meanIoU), "accuracy": .number(accuracy), "images": .array(images.map(\.json)),
      "options": scoring.allOptions, "markdown": .string(markdown),
    ]
  }
}

extension MatchedSegments {
  fileprivate var json: JSONValue {
    [
      "mean_iou": pixels > 0 ? .number(meanIoU) : .null, "accuracy": pixels > 0 ? .number(accuracy) : .null,
      "classes": .array(
        classes.map {
          .array([.integer(Int($0.label)), $0.segment.map { .integer(Int($0)) } ?? .null, .number($0.iou)])
        }),
    ]
  }
}
