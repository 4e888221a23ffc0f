import Compute
@testable import Segmentation
import LatentMIM
import TestSupport
import Testing

@Suite struct AgglomerationTests {
  @Test(arguments: Linkage.allCases, [(1, 3), (2, 1), (3, 17), (17, 1), (41, 5)])
  func agreesWithTheDefinition(_ linkage: Linkage, _ size: (Int, Int)) throws {
    let features = randomValues(size.0 * size.1, seed: 1)
    let tree = try agglomerate(features: features, count: size.0, width: size.1, linkage: linkage)
    let reference = naiveMerges(features, size.0, size.1, linkage)
    expectSameTree(tree, reference)
  }

  @Test(arguments: Linkage.allCases, [(1, 1), (1, 7), (3, 1), (5, 6)])
  func agreesWithTheDefinitionOnAGrid(_ linkage: Linkage, _ size: (Int, Int)) throws {
    let (grid, count) = (FeatureGrid(rows: size.0, columns: size.1), size.0 * size.1)
    let features = randomValues(count * 3, seed: 2)
    let tree = try agglomerate(features: features, count: count, width: 3, linkage: linkage, grid: grid)
    expectSameTree(tree, naiveMerges(features, count, 3, linkage, grid: grid))
  }

  @Test func equalFeaturesMergeAtZero() throws {
    let features: [Float] = [1, 2, 1, 2, 9, 9, 1, 2, 9, 9]
    for linkage in Linkage.allCases {
      let tree = try agglomerate(features: features, count: 5, width: 2, linkage: linkage)
      #expect(tree.merges.prefix(3).allSatisfy { $0.distance == 0 })
      #expect(try tree.labels(segments: 2) == [0, 0, 1, 0, 1])
      #expect(try tree.labels(distance: 0) == [0, 0, 1, 0, 1])
    }
  }

  @Test func threadsDoNotMatter() throws {
    let features = randomValues(300 * 19, seed: 1)
    var trees: [MergeTree] = []
    try Machine.onEachThreadCount { _ in trees.append(try agglomerate(features: features, count: 300, width: 19)) }
    #expect(trees[0] == trees[1] && trees[1] == trees[2])
  }

  @Test func refusesBadInput() {
    func error(_ features: [Float], _ count: Int, _ width: Int, _ grid: FeatureGrid? = nil) -> SegmentationError? {
      do { _ = try agglomerate(features: features, count: count, width: width, grid: grid) } catch {
        return error as? SegmentationError
      }
      return nil
    }
    #expect(error([], 0, 3) == .features(found: 0, count: 0, width: 3))
    #expect(error([1, 2, 3], 2, 2) == .features(found: 3, count: 2, width: 2))
    #expect(error([1, 2], -1, -2) == .features(found: 2, count: -1, width: -2))
    #expect(error([1], .max, 2) == .features(found: 1, count: .max, width: 2))
    #expect(error([1, 2, 3, .nan], 2, 2) == .notFinite(row: 1, channel: 1))
    #expect(error([-.infinity, 2, 3, 4], 2, 2) == .notFinite(row: 0, channel: 0))
    #expect(error([1, 2], 2, 1, FeatureGrid(rows: 2, columns: 2)) == .grid(rows: 2, columns: 2, count: 2))
    #expect(error([1, 2], 2, 1, FeatureGrid(rows: -1, columns: -2)) == .grid(rows: -1, columns: -2, count: 2))
    #expect(error([1, 2], 2, 1, FeatureGrid(rows: .max, columns: 2)) == .grid(rows: .max, columns: 2, count: 2))
  }

  @Test func refusesMoreThanMemoryHolds() {
    let count = 1 << 26
    let features = [Float](repeating: 0, count: count)
    #expect(throws: SegmentationError.memory(count: count, bytes: (1 << 55) + (1 << 33) + 256)) {
      try agglomerate(features: features, count: count, width: 1)
    }
  }
}

/// Equal up to rounding; clusters have the same numbers.
func expectSameTree(_ tree: MergeTree, _ expected: [MergeTree.Merge], tolerance: Double = 1e-9) {
  #expect(tree.merges.count == expected.count && tree.count == expected.count + 1)
  for (index, (found, wanted)) in zip(tree.merges, expected).enumerated() {
    #expect((found.left, found.right, found.size) == (wanted.left, wanted.right, wanted.size), "merge \(index)")
    #expect(abs(found.distance - wanted.distance) <= tolerance * wanted.distance, "merge \(index)")
  }
}
