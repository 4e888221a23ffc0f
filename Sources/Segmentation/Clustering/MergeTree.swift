import Compute

/// The history of an agglomerative clustering.
public struct MergeTree: Equatable, Sendable {
  /// Two clusters become one.
  public struct Merge: Equatable, Sendable {
    /// The clusters, the lower number first: 0 ..< N are the patches, N + i is what merge i made.
    public let left: Int
    public let right: Int
    /// How far apart they were.
    public let distance: Double
    /// Patches in the new cluster.
    public let size: Int
  }

  /// How many patches, N.
  public let count: Int
  /// The N−1 merges in their order. Without a grid distances ascend; a grid can make a merge cheaper than one before
  /// it, and than one under it.
  public let merges: [Merge]

  /// Labels of the patches when the tree is cut into so many segments: the first N − `segments` merges are done.
  ///
  /// - Returns: [N], labels 0, 1, … in order of first appearance.
  /// - Throws: `SegmentationError.segments` unless `segments` is 1 to N.
  public func labels(segments: Int) throws -> [Int] {
    guard segments >= 1, segments <= count else {
      throw SegmentationError.segments(segments, count: count)
    }
    return labels { $0 < count - segments }
  }

  /// Labels of the patches when clusters farther apart than `distance` stay apart: a merge is done when it and all
  /// merges under it lie at or below `distance` (SciPy's `fcluster(criterion="distance")`). Where a grid makes heights
  /// fall, a cluster's height is thus the highest merge in it, and a cut may do merges that come after one it leaves
  /// out.
  ///
  /// - Returns: [N], labels 0, 1, … in order of first appearance.
  /// - Throws: `SegmentationError.distance` when it is NaN.
  public func labels(distance: Double) throws -> [Int] {
    guard !distance.isNaN else { throw SegmentationError.distance }
    var isDone = [Bool](repeating: true, count: count + merges.count)
    for (index, merge) in merges.enumerated() {
      isDone[count + index] = isDone[merge.left] && isDone[merge.right] && merge.distance <= distance
    }
    return labels { isDone[count + $0] }
  }

  /// Labels at several depths, the same number for the same segment and for what is left of it: where a segment falls
  /// in two, the part with more patches (of equal ones, the one with the first patch) keeps its label, the other gets
  /// the next.
  ///
  /// - Parameter depths: how many segments there are at each.
  /// - Returns: for each depth [N], labels 0 ..< segments. They depend on the tree and the depth alone.
  /// - Throws: `SegmentationError.segments` unless each is 1 to N; `OutOfMemory`.
  public func levels(_ depths: [Int]) throws -> [[Int]] {
    if let wrong = depths.first(where: { $0 < 1 || $0 > count }) {
      throw SegmentationError.segments(wrong, count: count)
    }
    try OutOfMemory.check(for: elementCount([depths.count, count]) ?? .max, of: Int.self)
    var (label, first) = ([Int](repeating: 0, count: count + merges.count), Array(0..<(count + merges.count)))
    for (index, merge) in merges.enumerated() { first[count + index] = min(first[merge.left], first[merge.right]) }
    // From the root down: what merge N − 1 − k made falls into the segments that k + 1 have.
    for index in merges.indices.reversed() {
      let merge = merges[index]
      let (left, right) = (size(of: merge.left), size(of: merge.right))
      let isLeft = left != right ? left > right : first[merge.left] < first[merge.right]
      label[isLeft ? merge.left : merge.right] = label[count + index]
      label[isLeft ? merge.right : merge.left] = merges.count - index
    }
    return depths.map { depth in
      var segment = label
      for index in (0..<(count - depth)).reversed() {
        segment[merges[index].left] = segment[count + index]
        segment[merges[index].right] = segment[count + index]
      }
      return Array(segment.prefix(count))
    }
  }

  private func size(of cluster: Int) -> Int { cluster < count ? 1 : merges[cluster - count].size }

  /// Cuts every merge that is not done. A done merge has only done merges under it.
  private func labels(isDone: (Int) -> Bool) -> [Int] {
    var segment = Array(0..<(count + merges.count))
    // From the root down: a node's segment is known before its children ask.
    for index in merges.indices.reversed() where isDone(index) {
      segment[merges[index].left] = segment[count + index]
      segment[merges[index].right] = segment[count + index]
    }
    var numbers = [Int](repeating: -1, count: segment.count)
    var next = 0
    return (0..<count).map { patch in
      if numbers[segment[patch]] < 0 {
        numbers[segment[patch]] = next
        next += 1
      }
      return numbers[segment[patch]]
    }
  }
}

extension MergeTree {
  /// The merges as numbers, [N − 1, 4]: left, right, distance, size; SciPy's linkage.
  public var rows: [Double] {
    merges.flatMap { [Double($0.left), Double($0.right), $0.distance, Double($0.size)] }
  }

  /// - Parameter rows: as `rows` has them.
  /// - Throws: `SegmentationError.merge` where one is not of two clusters that were there and not yet merged.
  public init(rows: some RandomAccessCollection<Double>) throws {
    let rows = Array(rows)
    let count = rows.count / 4 + 1
    var isMerged = [Bool](repeating: false, count: 2 * count - 1)
    func cluster(_ number: Double, of merge: Int) throws -> Int {
      guard let cluster = Int(exactly: number), 0..<count + merge ~= cluster, !isMerged[cluster] else {
        throw SegmentationError.merge(merge, cluster: number)
      }
      isMerged[cluster] = true
      return cluster
    }
    self.count = count
    merges = try (0..<count - 1).map { merge in
      Merge(
        left: try cluster(rows[4 * merge], of: merge), right: try cluster(rows[4 * merge + 1], of: merge),
        distance: rows[4 * merge + 2], size: Int(exactly: rows[4 * merge + 3]) ?? 0)
    }
  }

  /// A merge while clusters are known by a member each, in the order in which an algorithm happened to find it.
  struct SlotMerge {
    let first: Int
    let second: Int
    let distance: Double
  }

  /// Sorts merges by distance and numbers clusters as SciPy does.
  init(slotMerges: [SlotMerge], count: Int) {
    // Equal distances keep their order: it is a valid one, and SciPy's.
    let sorted = slotMerges.enumerated().sorted { ($0.element.distance, $0.offset) < ($1.element.distance, $1.offset) }
    var clusters = ClusterForest(count: count)
    self.count = count
    merges = sorted.enumerated().map { index, item in
      let roots = (clusters.root(item.element.first), clusters.root(item.element.second))
      let size = clusters.join(roots.0, roots.1, as: count + index)
      return Merge(
        left: min(roots.0, roots.1), right: max(roots.0, roots.1), distance: item.element.distance, size: size)
    }
  }
}

/// Which cluster a node belongs to by now (union-find with path compression).
private struct ClusterForest {
  private var parents: [Int]
  private var sizes: [Int]

  init(count: Int) {
    parents = Array(0..<(2 * count - 1))
    sizes = [Int](repeating: 1, count: 2 * count - 1)
  }

  mutating func root(_ node: Int) -> Int {
    var root = node
    while parents[root] != root { root = parents[root] }
    var node = node
    while parents[node] != root { (node, parents[node]) = (parents[node], root) }
    return root
  }

  /// Makes `new` the root of both; returns its size.
  mutating func join(_ first: Int, _ second: Int, as new: Int) -> Int {
    parents[first] = new
    parents[second] = new
    sizes[new] = sizes[first] + sizes[second]
    return sizes[new]
  }
}
