import Compute

/// How far apart two clusters are.
public enum Linkage: String, Sendable, CaseIterable {
  /// The increase of the within-cluster variance by merging: √(2·n·m/(n+m))·‖mean − mean‖ (Ward 1963).
  case ward
  /// The mean distance of their members.
  case average
  /// The largest distance of their members.
  case complete
  /// The smallest distance of their members.
  case single
}

/// Patches in raster order; each may merge with its neighbours above, below, left and right only.
public struct FeatureGrid: Equatable, Sendable {
  public let rows: Int
  public let columns: Int

  public init(rows: Int, columns: Int) {
    self.rows = rows
    self.columns = columns
  }
}

/// Agglomerative clustering: merges the two nearest clusters until one is left.
///
/// Without a grid the tree is SciPy's `scipy.cluster.hierarchy.linkage(features, method)`, found with nearest-neighbour
/// chains (Murtagh 1983; Müllner, arXiv:1109.2378) in O(N²) time; the distances take 8·N² bytes, the features 8·N·C.
/// With a grid it is scikit-learn's `ward_tree` or `linkage_tree` with that connectivity, in about O(N·log N) merges:
/// for average, complete and single linkage only pairs of patches that touch count towards the distance of two
/// clusters.
///
/// - Parameters:
///   - features: [count, width], row-major; L2-normalise them first for cosine-like distances.
///   - count: how many patches, N.
///   - width: channels, C.
///   - linkage: what the distance of two clusters is.
///   - grid: restricts merges to clusters that touch; nil for none.
/// - Returns: all N−1 merges.
/// - Throws: `SegmentationError` for sizes that do not agree, non-finite features and too little memory; `Interrupted`.
public func agglomerate(
  features: UnsafeBufferPointer<Float>, count: Int, width: Int, linkage: Linkage = .ward, grid: FeatureGrid? = nil
) throws -> MergeTree {
  let (size, overflows) = count.multipliedReportingOverflow(by: width)
  guard count >= 1, width >= 1, !overflows, size == features.count else {
    throw SegmentationError.features(found: features.count, count: count, width: width)
  }
  if let bad = features.firstIndex(where: { !$0.isFinite }) {
    throw SegmentationError.notFinite(row: bad / width, channel: bad % width)
  }
  guard let grid else {
    let distances = try DistanceMatrix(features: features, count: count, width: width)
    let merges =
      if linkage == .single { try singleLinkage(distances) } else { try nearestNeighborChain(distances, linkage) }
    return MergeTree(slotMerges: merges, count: count)
  }
  let (patches, gridOverflows) = grid.rows.multipliedReportingOverflow(by: grid.columns)
  guard grid.rows >= 1, grid.columns >= 1, !gridOverflows, patches == count else {
    throw SegmentationError.grid(rows: grid.rows, columns: grid.columns, count: count)
  }
  return try agglomerateOnGrid(features: features, width: width, linkage: linkage, grid: grid)
}

/// See `agglomerate(features:count:width:linkage:grid:)` above.
public func agglomerate(
  features: [Float], count: Int, width: Int, linkage: Linkage = .ward, grid: FeatureGrid? = nil
) throws -> MergeTree {
  try features.withUnsafeBufferPointer {
    try agglomerate(features: $0, count: count, width: width, linkage: linkage, grid: grid)
  }
}
