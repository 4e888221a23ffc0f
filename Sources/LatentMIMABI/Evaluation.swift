import CLatentMIM
import Compute
import Evaluation
import Files

@c @implementation
public func lm_pool(
  _ features: UnsafePointer<Float>?, _ count: Int64, _ tokens: Int64, _ width: Int64, _ hasClassToken: Bool,
  _ pooling: UnsafePointer<CChar>?, _ k: Int64, _ pooled: UnsafeMutablePointer<Float>?
) -> lm_status {
  attempt {
    let values = try rows(features, [count, tokens, width], "features")
    let result = try Pooling(PoolingKind(named: text(pooling, "pooling"), option: "pooling"), k: Int(k))(
      values, batch: Int(count), patches: Int(tokens) - (hasClassToken ? 1 : 0), width: Int(width),
      hasClassToken: hasClassToken)
    try given(pooled, "pooled").update(from: result.pointer, count: result.count)
  }
}

@c @implementation
public func lm_normalize_rows(_ values: UnsafeMutablePointer<Float>?, _ count: Int64, _ width: Int64) -> lm_status {
  attempt {
    let size = try elementCount([count, width], "rows")
    let place = UnsafeMutableBufferPointer(start: try given(values, "rows"), count: size)
    try l2Normalize(place, count: Int(count), width: Int(width))
  }
}

@c @implementation
public func lm_tree_build(
  _ features: UnsafePointer<Float>?, _ count: Int64, _ width: Int64, _ linkage: UnsafePointer<CChar>?,
  _ rowCount: Int64,
  _ columnCount: Int64, _ tree: UnsafeMutablePointer<OpaquePointer?>?
) -> lm_status {
  attempt {
    let grid =
      rowCount == 0 && columnCount == 0 ? nil : FeatureGrid(rows: Int(rowCount), columns: Int(columnCount))
    let built = try agglomerate(
      features: rows(features, [count, width], "features"), count: Int(count), width: Int(width),
      linkage: Linkage(named: text(linkage, "linkage"), option: "linkage"), grid: grid)
    try handOut(TreeBox(built), tree)
  }
}

/// A merge tree behind a handle.
final class TreeBox {
  let tree: MergeTree
  init(_ tree: MergeTree) { self.tree = tree }
}

@c @implementation
public func lm_tree_count(_ tree: OpaquePointer?) -> Int64 { Int64((try? object(tree, TreeBox.self))?.tree.count ?? 0) }

@c @implementation
public func lm_tree_merges(_ tree: OpaquePointer?, _ merges: UnsafeMutablePointer<Double>?) {
  guard let tree = (try? object(tree, TreeBox.self))?.tree else { return }
  for (index, merge) in tree.merges.enumerated() {
    let row = [Double(merge.left), Double(merge.right), merge.distance, Double(merge.size)]
    merges.map { $0 + 4 * index }?.update(from: row, count: 4)
  }
}

@c @implementation
public func lm_tree_cut(_ tree: OpaquePointer?, _ segments: Int64, _ labels: UnsafeMutablePointer<Int32>?) -> lm_status
{
  attempt { try write(object(tree, TreeBox.self).tree.labels(segments: Int(segments)), labels) }
}

@c @implementation
public func lm_tree_cut_at(_ tree: OpaquePointer?, _ distance: Double, _ labels: UnsafeMutablePointer<Int32>?)
  -> lm_status
{
  attempt { try write(object(tree, TreeBox.self).tree.labels(distance: distance), labels) }
}

@c @implementation
public func lm_tree_free(_ tree: OpaquePointer?) { release(tree, TreeBox.self) }

@c @implementation
public func lm_upsample_labels(
  _ labels: UnsafePointer<Int32>?, _ rowCount: Int64, _ columnCount: Int64, _ height: Int64, _ width: Int64,
  _ method: UnsafePointer<CChar>?, _ upsampled: UnsafeMutablePointer<Int32>?
) -> lm_status {
  attempt {
    let map = try rows(labels, [rowCount, columnCount], "labels").map { Int($0) }
    let result = try upsample(
      labels: map, rows: Int(rowCount), columns: Int(columnCount), toHeight: Int(height), width: Int(width),
      mode: LabelUpsampling(named: text(method, "method"), option: "method"))
    try write(result, upsampled)
  }
}

private func rows<Element>(
  _ start: UnsafePointer<Element>?, _ shape: [Int64], _ name: String
) throws -> UnsafeBufferPointer<Element> {
  UnsafeBufferPointer(start: try given(start, name), count: try elementCount(shape, name))
}

private func write(_ labels: [Int], _ place: UnsafeMutablePointer<Int32>?) throws {
  try given(place, "labels").update(from: labels.map { Int32($0) }, count: labels.count)
}
