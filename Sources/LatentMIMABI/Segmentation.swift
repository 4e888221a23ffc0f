import CLatentMIM
import Compute
import Evaluation

typealias TreeBox = Box<MergeTree>

/// The merge tree behind a handle.
private func tree(_ handle: Handle) throws -> MergeTree { try object(handle, TreeBox.self).value }

@c @implementation public func lm_normalize_rows(_ values: FloatPlace, _ count: Int64, _ width: Int64) -> lm_status {
  attempt {
    let rows = try array(UnsafePointer(values), [count, width], "rows")
    try l2Normalize(UnsafeMutableBufferPointer(mutating: rows), count: Int(count), width: Int(width))
  }
}

@c @implementation public func lm_tree_build(
  _ features: Floats, _ count: Int64, _ width: Int64, _ linkage: Text, _ rows: Int64, _ columns: Int64,
  _ tree: HandlePlace
) -> lm_status {
  attempt(handingOut: tree) {
    let grid = rows == 0 && columns == 0 ? nil : FeatureGrid(rows: Int(rows), columns: Int(columns))
    return TreeBox(
      try agglomerate(
        features: array(features, [count, width], "features"), count: Int(count), width: Int(width),
        linkage: choice(linkage, "linkage"), grid: grid))
  }
}

@c @implementation public func lm_tree_count(_ handle: Handle) -> Int64 { Int64((try? tree(handle))?.count ?? 0) }

@c @implementation public func lm_tree_merges(_ handle: Handle, _ merges: NumberPlace) {
  for (index, merge) in ((try? tree(handle))?.merges ?? []).enumerated() {
    let row = [Double(merge.left), Double(merge.right), merge.distance, Double(merge.size)]
    merges.map { $0 + 4 * index }?.update(from: row, count: 4)
  }
}

@c @implementation public func lm_tree_cut(_ handle: Handle, _ segments: Int64, _ labels: LabelPlace) -> lm_status {
  attempt { try write(tree(handle).labels(segments: Int(segments)).map { Int32($0) }, labels, "labels") }
}

@c @implementation public func lm_tree_cut_at(_ handle: Handle, _ distance: Double, _ labels: LabelPlace) -> lm_status {
  attempt { try write(tree(handle).labels(distance: distance).map { Int32($0) }, labels, "labels") }
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
