import CLatentMIM
import Compute
import Segmentation
import Tensors

/// The tree of `count` leaves that a caller keeps the merges of.
private func tree(_ merges: Numbers, _ count: Int64) throws -> MergeTree {
  guard count > 0 else { throw ArgumentError("count is \(count), wanted at least 1") }
  return try MergeTree(rows: array(merges, [count - 1, 4], "merges"))
}

@c @implementation public func lm_normalize_rows(_ values: FloatPlace, _ count: Int64, _ width: Int64) -> lm_status {
  attempt {
    let rows = try array(UnsafePointer(values), [count, width], "rows")
    try l2Normalize(UnsafeMutableBufferPointer(mutating: rows), count: Int(count), width: Int(width))
  }
}

@c @implementation public func lm_agglomerate(
  _ features: Floats, _ count: Int64, _ width: Int64, _ linkage: Text, _ rows: Int64, _ columns: Int64,
  _ merges: NumberPlace
) -> lm_status {
  attempt {
    let grid = rows == 0 && columns == 0 ? nil : FeatureGrid(rows: Int(rows), columns: Int(columns))
    let tree = try agglomerate(
      features: array(features, [count, width], "features"), count: Int(count), width: Int(width),
      linkage: choice(linkage, "linkage"), grid: grid)
    try write(tree.rows, merges, "merges")
  }
}

@c @implementation public func lm_cut(_ merges: Numbers, _ count: Int64, _ segments: Int64, _ labels: LabelPlace)
  -> lm_status
{
  attempt { try write(tree(merges, count).labels(segments: Int(segments)).map { Int32($0) }, labels, "labels") }
}

@c @implementation public func lm_cut_at(_ merges: Numbers, _ count: Int64, _ distance: Double, _ labels: LabelPlace)
  -> lm_status
{
  attempt { try write(tree(merges, count).labels(distance: distance).map { Int32($0) }, labels, "labels") }
}

@c @implementation public func lm_upsample_labels(
  _ labels: UnsafePointer<Int32>?, _ rows: Int64, _ columns: Int64, _ height: Int64, _ width: Int64, _ method: Text,
  _ upsampled: LabelPlace
) -> lm_status {
  attempt {
    let result = try upsample(
      labels: array(labels, [rows, columns], "labels").map { Int($0) }, rows: Int(rows), columns: Int(columns),
      toHeight: Int(height), width: Int(width), mode: choice(method, "upsample"))
    try write(result.map { Int32($0) }, upsampled, "upsampled")
  }
}

@c @implementation public func lm_mask_scores(
  _ predicted: Labels, _ truth: Labels, _ frames: Int64, _ height: Int64, _ width: Int64, _ objects: Labels,
  _ objectCount: Int64, _ ignoresVoid: Bool, _ similarities: NumberPlace, _ accuracies: NumberPlace
) -> lm_status {
  attempt {
    let shape = [frames, height, width]
    let scores = try MaskScores(
      predicted: array(predicted, shape, "predicted"), truth: array(truth, shape, "truth"), frames: Int(frames),
      height: Int(height), width: Int(width), objects: Array(array(objects, [objectCount], "objects")),
      void: ignoresVoid ? .ignore : .background, similarity: similarities != nil, accuracy: accuracies != nil)
    if let similarities { try write(scores.regionSimilarity, similarities, "similarities") }
    if let accuracies { try write(scores.boundaryAccuracy, accuracies, "accuracies") }
  }
}

/// Scores that grow.
private final class ScoresBox {
  var scores: any LabelScores
  init(_ scores: any LabelScores) { self.scores = scores }
}

@c @implementation public func lm_scores_create(_ kind: Text, _ optionsText: Text, _ scores: HandlePlace) -> lm_status {
  attempt(handingOut: scores) {
    try ScoresBox(labelScores(named: text(kind, "kind"), options: options(optionsText, "options")))
  }
}

@c @implementation public func lm_scores_add(
  _ handle: Handle, _ name: Text, _ predicted: Labels, _ truth: Labels, _ frames: Int64, _ height: Int64,
  _ width: Int64
) -> lm_status {
  attempt {
    let shape = [frames, height, width]
    try object(handle, ScoresBox.self).scores.add(
      text(name, "name"), predicted: array(predicted, shape, "predicted"), truth: array(truth, shape, "truth"),
      frames: Int(frames), height: Int(height), width: Int(width))
  }
}

@c @implementation public func lm_scores_report(_ handle: Handle, _ report: TextPlace) -> lm_status {
  attempt(handingOut: report) { try object(handle, ScoresBox.self).scores.json().text() }
}

@c @implementation public func lm_cut_levels(
  _ merges: Numbers, _ count: Int64, _ segments: Integers, _ depths: Int64, _ labels: LabelPlace
) -> lm_status {
  attempt {
    let wanted = depths == 0 ? [] : try integers(segments, depths, "segments")
    let levels = try tree(merges, count).levels(wanted)
    try write(levels.flatMap { $0.map { Int32($0) } }, labels, "labels")
  }
}

@c @implementation public func lm_working_grid(
  _ height: Int64, _ width: Int64, _ patchSize: Int64, _ most: Int64, _ rows: UnsafeMutablePointer<Int64>?,
  _ columns: UnsafeMutablePointer<Int64>?
) -> lm_status {
  attempt {
    let grid = try WorkingGrid.grid(
      height: Int(height), width: Int(width), patchSize: Int(patchSize),
      most: most == 0 ? WorkingGrid.mostPatches : Int(most))
    try given(rows, "rows").pointee = Int64(grid.rows)
    try given(columns, "columns").pointee = Int64(grid.columns)
  }
}

@c @implementation public func lm_segment_means(
  _ features: Floats, _ labels: UnsafePointer<Int32>?, _ count: Int64, _ channels: Int64, _ segments: Int64,
  _ means: FloatPlace
) -> lm_status {
  attempt {
    let written = try array(UnsafePointer(means), [segments, channels], "means")
    try segmentMeans(
      features: array(features, [count, channels], "features"), labels: array(labels, [count], "labels"),
      channels: Int(channels), into: UnsafeMutableBufferPointer(mutating: written))
  }
}

@c @implementation public func lm_upsample_features(
  _ labels: UnsafePointer<Int32>?, _ features: Floats, _ rows: Int64, _ columns: Int64, _ means: Floats,
  _ segments: Int64, _ channels: Int64, _ height: Int64, _ width: Int64, _ upsampled: LabelPlace
) -> lm_status {
  attempt {
    let pixels = try array(UnsafePointer(upsampled), [height, width], "upsampled")
    try upsample(
      labels: array(labels, [rows, columns], "labels"),
      features: array(features, [rows, columns, channels], "features"),
      means: array(means, [segments, channels], "means"), channels: Int(channels), rows: Int(rows),
      columns: Int(columns), into: UnsafeMutableBufferPointer(mutating: pixels), height: Int(height), width: Int(width))
  }
}

@c @implementation public func lm_refine_labels(
  _ labels: UnsafePointer<Int32>?, _ image: Floats, _ height: Int64, _ width: Int64, _ channels: Int64,
  _ radius: Int64, _ epsilon: Double, _ refined: LabelPlace
) -> lm_status {
  attempt {
    let pixels = try array(UnsafePointer(refined), [height, width], "refined")
    try refine(
      labels: array(labels, [height, width], "labels"), image: array(image, [height, width, channels], "image"),
      height: Int(height), width: Int(width), channels: Int(channels), radius: Int(radius), epsilon: epsilon,
      into: UnsafeMutableBufferPointer(mutating: pixels))
  }
}
