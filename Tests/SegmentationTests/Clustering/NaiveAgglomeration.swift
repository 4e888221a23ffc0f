@testable import Segmentation

/// Agglomeration by its definition, O(N³) and more: the members of all clusters are kept, distances come from them
/// alone.
///
/// On a grid, average, complete and single linkage know pairs of patches that touch only, as scikit-learn has it:
/// complete and single look at those pairs; average weighs what each part had by the part's size.
func naiveMerges(
  _ features: [Float], _ count: Int, _ width: Int, _ linkage: Linkage, grid: FeatureGrid? = nil
) -> [MergeTree.Merge] {
  let reference = Reference(features: features.map(Double.init), width: width, linkage: linkage, grid: grid)
  var clusters = (0..<count).map { Cluster(number: $0, members: [$0], parts: nil) }
  var merges: [MergeTree.Merge] = []
  while clusters.count > 1 {
    var best = (distance: Double.infinity, first: 0, second: 0)
    for second in clusters.indices {
      for first in 0..<second {
        if let distance = reference.distance(clusters[first], clusters[second]), distance < best.distance {
          best = (distance, first, second)
        }
      }
    }
    let (first, second) = (clusters[best.first], clusters[best.second])
    let merged = Cluster(
      number: count + merges.count, members: first.members + second.members, parts: [first, second])
    merges.append(
      .init(
        left: min(first.number, second.number), right: max(first.number, second.number), distance: best.distance,
        size: merged.members.count))
    clusters.remove(at: best.second)
    clusters.remove(at: best.first)
    clusters.append(merged)
  }
  return merges
}

private final class Cluster {
  let number: Int
  let members: [Int]
  let parts: [Cluster]?

  init(number: Int, members: [Int], parts: [Cluster]?) {
    (self.number, self.members, self.parts) = (number, members, parts)
  }
}

private struct Reference {
  let features: [Double]
  let width: Int
  let linkage: Linkage
  let grid: FeatureGrid?

  /// Nil when the two may not merge.
  func distance(_ first: Cluster, _ second: Cluster) -> Double? {
    let pairs = first.members.flatMap { a in second.members.map { b in (a, b) } }.filter { touch($0, $1) }
    guard !pairs.isEmpty else { return nil }
    let distances = pairs.map { distance(features(of: $0), features(of: $1)) }
    switch linkage {
    case .ward:
      let (n, m) = (Double(first.members.count), Double(second.members.count))
      return (2 * n * m / (n + m)).squareRoot() * distance(mean(first), mean(second))
    case .complete: return distances.max()
    case .single: return distances.min()
    case .average: return grid == nil ? distances.reduce(0, +) / Double(distances.count) : average(first, second)
    }
  }

  /// Splits the newer cluster: its distance is the mean of its parts' that touch, weighted by size when both do.
  private func average(_ first: Cluster, _ second: Cluster) -> Double? {
    let (older, newer) = first.number < second.number ? (first, second) : (second, first)
    guard let parts = newer.parts else {
      return distance(features(of: first.members[0]), features(of: second.members[0]))
    }
    let known = parts.compactMap { part in distance(older, part).map { (Double(part.members.count), $0) } }
    return known.reduce(0) { $0 + $1.0 * $1.1 } / known.reduce(0) { $0 + $1.0 }
  }

  private func touch(_ a: Int, _ b: Int) -> Bool {
    guard let grid else { return true }
    let (rows, columns) = (abs(a / grid.columns - b / grid.columns), abs(a % grid.columns - b % grid.columns))
    return rows + columns == 1
  }

  private func features(of patch: Int) -> [Double] { Array(features[(patch * width)..<((patch + 1) * width)]) }

  private func mean(_ cluster: Cluster) -> [Double] {
    (0..<width).map { channel in
      cluster.members.reduce(0) { $0 + features[$1 * width + channel] } / Double(cluster.members.count)
    }
  }

  private func distance(_ a: [Double], _ b: [Double]) -> Double {
    zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
  }
}
