import Compute

/// What can be wrong with a request for a segmentation.
public enum SegmentationError: DescribedError, Equatable {
  /// The features are not [count, width] with both at least 1.
  case features(found: Int, count: Int, width: Int)
  /// A feature is infinite or NaN.
  case notFinite(row: Int, channel: Int)
  /// The grid has another number of patches than there are features.
  case grid(rows: Int, columns: Int, count: Int)
  /// The tree cannot be cut into so many segments.
  case segments(Int, count: Int)
  /// A merge of something that is no cluster, or was merged before.
  case merge(Int, cluster: Double)
  /// A label that is none of so many segments'.
  case label(Int, place: Int, segments: Int)
  /// A label map and a picture of other sizes than said, or no radius or ε to refine with.
  case refinement(labels: Int, values: Int, shape: [Int], radius: Int, epsilon: Double)
  /// NaN is no distance.
  case distance
  /// A label map that is not [rows, columns], or an image size that it cannot be brought to.
  case labelMap(found: Int, rows: Int, columns: Int, height: Int, width: Int)
  /// Labels that do not make pairs of frames.
  case frames(predicted: Int, truth: Int, frames: Int, height: Int, width: Int)
  /// A frame of another size than those before it; frames count from 0.
  case frameSize(sequence: String, frame: Int, found: [Int], wanted: [Int])
  /// The first frame has no object to be scored.
  case noObjects(sequence: String)
  /// Without first and last frame there is none.
  case frameCount(sequence: String, Int)
  /// The first frame says that 255 is the one object, and a later one has others.
  case mixedForeground(sequence: String, frame: Int, Int32)
  /// Every pixel of the truth is ignored, or there is none.
  case nothingLabelled(ignored: [Int])
  /// The distances of all pairs do not fit in memory.
  case memory(count: Int, bytes: Int?)

  public var kind: ErrorKind {
    if case .memory = self { .memory } else { .value }
  }

  public var description: String {
    switch self {
    case .features(let found, let count, let width):
      "agglomerate: \(found) values do not make features [\(count), \(width)]; wanted at least 1 row and 1 channel"
    case .notFinite(let row, let channel):
      "agglomerate: the feature in row \(row), channel \(channel) is not finite"
    case .grid(let rows, let columns, let count):
      "agglomerate: a grid of \(rows) × \(columns) does not go with \(count) features"
    case .segments(let segments, let count):
      "labels: \(segments) segments were asked for, wanted 1 to \(count)"
    case .merge(let merge, let cluster):
      "merges: row \(merge) merges \(cluster), wanted the number of a cluster that is there and not yet merged"
    case .label(let label, let place, let segments):
      "labels: number \(place) is \(label), wanted 0 to \(segments - 1)"
    case .refinement(let labels, let values, let shape, let radius, let epsilon):
      "refine: \(labels) labels and \(values) values do not make a picture \(shape) with labels from 0, or radius "
        + "\(radius) is not at least 1, or epsilon \(epsilon) not above 0"
    case .distance: "labels: the distance is NaN"
    case .labelMap(let found, let rows, let columns, let height, let width):
      "upsample: \(found) labels do not make a map [\(rows), \(columns)] that can become [\(height), \(width)]; wanted sides "
        + "from 1, at most \(mostPixels) pixels"
    case .frames(let predicted, let truth, let frames, let height, let width):
      "\(predicted) labels predicted and \(truth) of the truth do not make \(frames) frames of \(height) × \(width) each; "
        + "wanted sides from 1, at most \(mostPixels) pixels"
    case .frameSize(let sequence, let frame, let found, let wanted):
      "\(quoted([sequence])): frame \(frame) is \(found[0]) × \(found[1]), wanted \(wanted[0]) × \(wanted[1]) as the first"
    case .noObjects(let sequence):
      "\(quoted([sequence])): the truth of the first frame has no label but 0 and 255, wanted the objects to be scored"
    case .frameCount(let sequence, let count):
      "\(quoted([sequence])): has \(count) frames, and without the first and the last none is left; "
        + "all_frames counts these too"
    case .mixedForeground(let sequence, let frame, let label):
      "\(quoted([sequence])): frame \(frame) has label \(label), but the first has none but 0 and 255: 255 is the object "
        + "where it stands alone in all frames (DAVIS 2016), else void"
    case .nothingLabelled(let ignored):
      "no pixel of the truth has a label that counts; ignored are \(ignored.map(String.init).joined(separator: ", "))"
    case .memory(let count, let bytes):
      "agglomerate: the distances of \(count) features to each other take \(bytes.map(gigabytes) ?? "too many bytes"), more than "
        + "there is; wanted fewer patches (a smaller `size`, fewer images), or `connectivity`"
    }
  }
}

/// "2.0 GB".
private func gigabytes(_ bytes: Int) -> String { "\((Double(bytes) / 1e8).rounded(.up) / 10) GB" }
