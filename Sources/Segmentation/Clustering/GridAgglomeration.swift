import Compute

/// Agglomeration of patches that may merge with their neighbours only; the arguments are checked by `agglomerate`.
func agglomerateOnGrid(
  features: UnsafeBufferPointer<Float>, width: Int, linkage: Linkage, grid: FeatureGrid
) throws -> MergeTree {
  let count = grid.rows * grid.columns
  // Sums or borders, sets of neighbours and the queue, all Swift's.
  try OutOfMemory.check(for: elementCount([count, 8 * width + 1024]) ?? .max, of: UInt8.self)
  if linkage == .ward {
    return try mergeNeighbors(grid, WardBorders(features: features, width: width, grid: grid))
  }
  return try mergeNeighbors(grid, LinkBorders(features: features, width: width, grid: grid, linkage: linkage))
}

/// What clusters know of each other. A cluster is known by its number in the tree.
protocol ClusterBorders {
  /// The distance of two patches that touch.
  func distance(_ first: Int, _ second: Int) -> Double
  /// Makes cluster `new` of two that touch; the clusters it touches, each with its distance to it.
  mutating func merge(_ first: Int, _ second: Int, as new: Int) -> [(neighbor: Int, distance: Double)]
}

/// Merges the nearest two clusters that touch until one is left (scikit-learn's `ward_tree`, `linkage_tree`).
private func mergeNeighbors(_ grid: FeatureGrid, _ start: some ClusterBorders) throws -> MergeTree {
  var borders = start
  let count = grid.rows * grid.columns
  var sizes = [Int](repeating: 1, count: 2 * count - 1)
  var queue = MergeQueue()
  for (first, second) in grid.edges {
    queue.insert(.init(distance: borders.distance(first, second), later: second, earlier: first))
  }
  var merges: [MergeTree.Merge] = []
  merges.reserveCapacity(count - 1)
  while merges.count < count - 1 {
    try Interruption.check()
    // A grid is connected: while two clusters are left, two touch.
    guard let pair = queue.removeNearest() else { preconditionFailure("the grid fell apart") }
    // Clusters that merged meanwhile have size 0: their borders are out of date.
    guard sizes[pair.earlier] > 0, sizes[pair.later] > 0 else { continue }
    let new = count + merges.count
    sizes[new] = sizes[pair.earlier] + sizes[pair.later]
    merges.append(.init(left: pair.earlier, right: pair.later, distance: pair.distance, size: sizes[new]))
    (sizes[pair.earlier], sizes[pair.later]) = (0, 0)
    for (neighbor, distance) in borders.merge(pair.earlier, pair.later, as: new) {
      queue.insert(.init(distance: distance, later: new, earlier: neighbor))
    }
  }
  return MergeTree(count: count, merges: merges)
}

extension FeatureGrid {
  /// Pairs of patches that touch, the lower number first.
  var edges: [(Int, Int)] {
    (0..<(rows * columns)).flatMap { patch in
      let right = patch % columns + 1 < columns ? [(patch, patch + 1)] : []
      let below = patch / columns + 1 < rows ? [(patch, patch + columns)] : []
      return right + below
    }
  }
}

/// Ward's distance from the means of clusters: exact for clusters that touch, whatever else touches.
private struct WardBorders: ClusterBorders {
  private let width: Int
  /// Sums of features: a merged cluster takes the row of one of the two.
  private var sums: [Double]
  private var rows: [Int]
  private var sizes: [Double]
  private var neighbors: [Set<Int>]

  init(features: UnsafeBufferPointer<Float>, width: Int, grid: FeatureGrid) {
    let count = grid.rows * grid.columns
    self.width = width
    sums = features.map { Double($0) }
    rows = Array(0..<(2 * count - 1))
    sizes = [Double](repeating: 1, count: 2 * count - 1)
    neighbors = grid.neighborSets()
  }

  func distance(_ first: Int, _ second: Int) -> Double {
    let (n, m) = (sizes[first], sizes[second])
    let (a, b) = (rows[first] * width, rows[second] * width)
    var squares = 0.0
    for channel in 0..<width {
      let difference = sums[a + channel] / n - sums[b + channel] / m
      squares += difference * difference
    }
    return (2 * n * m / (n + m) * squares).squareRoot()
  }

  mutating func merge(_ first: Int, _ second: Int, as new: Int) -> [(neighbor: Int, distance: Double)] {
    let (a, b) = (rows[first] * width, rows[second] * width)
    for channel in 0..<width { sums[a + channel] += sums[b + channel] }
    rows[new] = rows[first]
    sizes[new] = sizes[first] + sizes[second]
    neighbors[new] = neighbors[first].union(neighbors[second]).subtracting([first, second])
    for old in [first, second] {
      for neighbor in neighbors[old] { neighbors[neighbor].remove(old) }
      neighbors[old] = []
    }
    for neighbor in neighbors[new] { neighbors[neighbor].insert(new) }
    return neighbors[new].map { ($0, distance(new, $0)) }
  }
}

/// Average, complete and single linkage over the pairs of patches that touch, as scikit-learn's `linkage_tree` has it.
private struct LinkBorders: ClusterBorders {
  private let linkage: Linkage
  private var sizes: [Int]
  private var borders: [[Int: Double]]

  init(features: UnsafeBufferPointer<Float>, width: Int, grid: FeatureGrid, linkage: Linkage) throws {
    let count = grid.rows * grid.columns
    let rows = try PaddedRows(features, count: count, width: width)
    self.linkage = linkage
    sizes = [Int](repeating: 1, count: 2 * count - 1)
    borders = [[Int: Double]](repeating: [:], count: 2 * count - 1)
    for (first, second) in grid.edges {
      let distance = rows.distance(first, second)
      borders[first][second] = distance
      borders[second][first] = distance
    }
  }

  func distance(_ first: Int, _ second: Int) -> Double { borders[first][second] ?? .infinity }

  mutating func merge(_ first: Int, _ second: Int, as new: Int) -> [(neighbor: Int, distance: Double)] {
    let (n, m) = (sizes[first], sizes[second])
    sizes[new] = n + m
    // A cluster that touches only one of the two keeps its distance to that one.
    borders[new] = borders[first].merging(borders[second]) {
      linkage.mergedDistance($0, $1, n, m)
    }
    borders[new][first] = nil
    borders[new][second] = nil
    (borders[first], borders[second]) = ([:], [:])
    for (neighbor, distance) in borders[new] {
      borders[neighbor][first] = nil
      borders[neighbor][second] = nil
      borders[neighbor][new] = distance
    }
    return borders[new].map { ($0.key, $0.value) }
  }
}

extension Linkage {
  /// The distance of a third cluster to two of `firstSize` and `secondSize` that merge, from its distances to both.
  fileprivate func mergedDistance(_ first: Double, _ second: Double, _ firstSize: Int, _ secondSize: Int) -> Double {
    switch self {
    case .ward: preconditionFailure("Ward's distance on a grid comes from means")
    case .average: (Double(firstSize) * first + Double(secondSize) * second) / Double(firstSize + secondSize)
    case .complete: max(first, second)
    case .single: min(first, second)
    }
  }
}

extension FeatureGrid {
  /// Which patches each patch touches, with room for the clusters to come.
  fileprivate func neighborSets() -> [Set<Int>] {
    var sets = [Set<Int>](repeating: [], count: 2 * rows * columns - 1)
    for (first, second) in edges {
      sets[first].insert(second)
      sets[second].insert(first)
    }
    return sets
  }
}
