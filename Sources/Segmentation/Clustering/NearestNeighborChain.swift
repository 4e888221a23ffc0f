import CKernels
import Compute

/// Ward, average or complete linkage by nearest-neighbour chains (Müllner, arXiv:1109.2378, figure 3): follow nearest
/// neighbours until two clusters are each other's, merge them, go on from what is left of the chain.
///
/// - Parameter distances: of all pairs; overwritten.
/// - Returns: the merges as they were found; a cluster is known by its highest member that was never merged into
///   another.
/// - Throws: `Interrupted`, `OutOfMemory`.
func nearestNeighborChain(_ distances: DistanceMatrix, _ linkage: Linkage) throws -> [MergeTree.SlotMerge] {
  var clusters = try ChainedClusters(distances, linkage)
  let count = distances.count
  var merges: [MergeTree.SlotMerge] = []
  merges.reserveCapacity(count - 1)
  while merges.count < count - 1 {
    try Interruption.check()
    merges.append(clusters.mergeNext())
  }
  return merges
}

/// The clusters that are left, each in the row of its highest member, and the chain.
private struct ChainedClusters {
  private let distances: DistanceMatrix
  private let linkage: Linkage
  /// Members of the cluster in each row, 0 where it was merged into another; and what is added to distances to it:
  /// infinity there.
  private let sizes: Buffer
  private let penalties: Buffer
  /// What was the number of each row before others were dropped.
  private var patches: [Int]
  private var left: Int
  private var chain: [Int] = []
  /// No row before it has a cluster.
  private var first = 0

  /// Columns of one task where distances are merged: each costs a miss of the cache.
  private static let columnsPerTask = 1024

  init(_ distances: DistanceMatrix, _ linkage: Linkage) throws {
    (self.distances, self.linkage) = (distances, linkage)
    left = distances.count
    sizes = try Buffer(count: 2 * left)
    penalties = try Buffer(count: 2 * left)
    sizes.doubles.update(repeating: 1, count: left)
    penalties.doubles.update(repeating: 0, count: left)
    patches = Array(0..<left)
  }

  /// Follows the chain to the next two that are each other's nearest, and merges them into the row of the second.
  mutating func mergeNext() -> MergeTree.SlotMerge {
    if chain.isEmpty {
      while sizes.doubles[first] == 0 { first += 1 }
      chain.append(first)
    }
    let pair = followChain()
    let (gone, kept) = (min(pair.first, pair.second), max(pair.first, pair.second))
    let merge = MergeTree.SlotMerge(
      first: patches[pair.first], second: patches[pair.second], distance: pair.distance)
    let (goneSize, keptSize) = (sizes.doubles[gone], sizes.doubles[kept])
    sizes.doubles[gone] = 0
    penalties.doubles[gone] = .infinity
    mergeRows(gone, goneSize, kept, keptSize, pair.distance)
    sizes.doubles[kept] = goneSize + keptSize
    left -= 1
    if 2 * left <= distances.count { dropRows() }
    return merge
  }

  /// Lengthens the chain until its last two are each other's nearest neighbours, and takes them off.
  private mutating func followChain() -> (first: Int, second: Int, distance: Double) {
    while true {
      let last = chain[chain.count - 1]
      let row = distances.row(last)
      var (nearest, distance) = (0, 0.0)
      lmk_nearest(distances.count, row, penalties.doubles, &distance, &nearest)
      // The previous one wins ties: else the chain could run in circles.
      if chain.count > 1, case let previous = chain[chain.count - 2], row[previous] <= distance {
        chain.removeLast(2)
        return (last, previous, row[previous])
      }
      chain.append(nearest)
    }
  }

  private func mergeRows(_ gone: Int, _ goneSize: Double, _ kept: Int, _ keptSize: Double, _ between: Double) {
    let (count, row) = (distances.count, distances.row(kept))
    // The merged cluster's distance to itself is no distance: neither formulas nor the column are to see it.
    sizes.doubles[kept] = 0
    parallel((count + Self.columnsPerTask - 1) / Self.columnsPerTask) { task in
      let start = task * Self.columnsPerTask
      let columns = min(Self.columnsPerTask, count - start)
      lmk_merge_distances(
        columns, linkage.code, distances.row(gone) + start, goneSize, keptSize, between, sizes.doubles + start,
        row + start)
      lmk_scatter(columns, row + start, sizes.doubles + start, distances.stride, distances.row(start) + kept)
    }
    row[kept] = .infinity
  }

  /// Moves what is left together: the later half of all merges then costs a quarter.
  private mutating func dropRows() {
    let kept = (0..<distances.count).filter { sizes.doubles[$0] > 0 }
    var rows = [Int](repeating: 0, count: distances.count)
    for (new, old) in kept.enumerated() {
      rows[old] = new
      sizes.doubles[new] = sizes.doubles[old]
      penalties.doubles[new] = 0
    }
    distances.keep(kept)
    patches = kept.map { patches[$0] }
    chain = chain.map { rows[$0] }
    first = 0
  }
}

extension Linkage {
  fileprivate var code: Int32 {
    switch self {
    case .ward: Int32(LMK_WARD)
    case .average: Int32(LMK_AVERAGE)
    case .complete: Int32(LMK_COMPLETE)
    case .single: Int32(LMK_SINGLE)
    }
  }
}

/// Single linkage: the edges of a minimum spanning tree (Prim's algorithm), in the order in which they were found.
///
/// - Throws: `Interrupted`, `OutOfMemory`.
func singleLinkage(_ distances: DistanceMatrix) throws -> [MergeTree.SlotMerge] {
  let count = distances.count
  let (toTree, penalties, sizes) = (
    try Buffer(count: 2 * count), try Buffer(count: 2 * count), try Buffer(count: 2 * count)
  )
  toTree.doubles.update(repeating: .infinity, count: count)
  penalties.doubles.update(repeating: 0, count: count)
  sizes.doubles.update(repeating: 1, count: count)
  var newest = 0
  var merges: [MergeTree.SlotMerge] = []
  merges.reserveCapacity(count - 1)
  while merges.count < count - 1 {
    try Interruption.check()
    penalties.doubles[newest] = .infinity
    lmk_merge_distances(
      count, Linkage.single.code, distances.row(newest), 1, 1, 0, sizes.doubles, toTree.doubles)
    var (nearest, least) = (0, 0.0)
    lmk_nearest(count, toTree.doubles, penalties.doubles, &least, &nearest)
    // SciPy's convention: the edge is written from the node added last, which labels the same clusters.
    merges.append(.init(first: newest, second: nearest, distance: least))
    newest = nearest
  }
  return merges
}
