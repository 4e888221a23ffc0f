import Compute

/// Ward, average or complete linkage by nearest-neighbour chains (Müllner, arXiv:1109.2378, figure 3): follow nearest
/// neighbours until two clusters are each other's, merge them, go on from what is left of the chain.
///
/// - Parameter distances: of all pairs; overwritten.
/// - Returns: the merges as they were found; a cluster is known by its highest member that was never merged into
///   another.
/// - Throws: `Interrupted`.
func nearestNeighborChain(_ distances: CondensedDistances, _ linkage: Linkage) throws -> [MergeTree.SlotMerge] {
  let count = distances.count
  var sizes = [Int](repeating: 1, count: count)
  var chain: [Int] = []
  var merges: [MergeTree.SlotMerge] = []
  merges.reserveCapacity(count - 1)
  while merges.count < count - 1 {
    try Interruption.check()
    if chain.isEmpty { chain.append(sizes.firstIndex { $0 > 0 }!) }
    let (first, second, distance) = followChain(&chain, distances, sizes)
    merges.append(.init(first: first, second: second, distance: distance))
    let (gone, kept) = (min(first, second), max(first, second))
    for other in 0..<count where sizes[other] > 0 && other != gone && other != kept {
      distances[other, kept] = linkage.mergedDistance(
        distances[other, gone], distances[other, kept], between: distance, sizes[gone], sizes[kept], sizes[other])
    }
    sizes[kept] += sizes[gone]
    sizes[gone] = 0
  }
  return merges
}

/// Lengthens the chain until its last two are each other's nearest neighbours, and takes them off.
private func followChain(
  _ chain: inout [Int], _ distances: CondensedDistances, _ sizes: [Int]
) -> (first: Int, second: Int, distance: Double) {
  while true {
    let last = chain[chain.count - 1]
    let previous = chain.count > 1 ? chain[chain.count - 2] : nil
    // The previous one wins ties: else the chain could run in circles.
    var nearest = previous ?? last
    var distance = previous.map { distances[last, $0] } ?? .infinity
    for other in 0..<sizes.count where sizes[other] > 0 && other != last {
      let candidate = distances[last, other]
      if candidate < distance { (nearest, distance) = (other, candidate) }
    }
    if nearest == previous {
      chain.removeLast(2)
      return (last, nearest, distance)
    }
    chain.append(nearest)
  }
}

extension Linkage {
  /// The distance of a third cluster to two that merge (Lance–Williams), from its distances to both, theirs to each
  /// other and the three sizes.
  func mergedDistance(
    _ first: Double, _ second: Double, between: Double, _ firstSize: Int, _ secondSize: Int, _ size: Int
  ) -> Double {
    let (n, m, k) = (Double(firstSize), Double(secondSize), Double(size))
    switch self {
    case .ward:
      let squares = (n + k) * first * first + (m + k) * second * second - k * between * between
      return (squares / (n + m + k)).squareRoot()
    case .average: return (n * first + m * second) / (n + m)
    case .complete: return max(first, second)
    case .single: return min(first, second)
    }
  }
}

/// Single linkage: the edges of a minimum spanning tree (Prim's algorithm), in the order in which they were found.
///
/// - Throws: `Interrupted`.
func singleLinkage(_ distances: CondensedDistances) throws -> [MergeTree.SlotMerge] {
  let count = distances.count
  var outside = [Bool](repeating: true, count: count)
  var toTree = [Double](repeating: .infinity, count: count)
  var newest = 0
  return try (0..<(count - 1)).map { _ in
    try Interruption.check()
    outside[newest] = false
    var (nearest, least) = (newest, Double.infinity)
    for node in 0..<count where outside[node] {
      toTree[node] = min(toTree[node], distances[newest, node])
      if toTree[node] < least { (nearest, least) = (node, toTree[node]) }
    }
    // SciPy's convention: the edge is written from the node added last, which labels the same clusters.
    defer { newest = nearest }
    return .init(first: newest, second: nearest, distance: least)
  }
}
