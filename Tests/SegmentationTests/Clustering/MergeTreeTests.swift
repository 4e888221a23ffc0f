import Segmentation
import Testing

@Suite struct MergeTreeTests {
  /// Distances 1 (patches 1, 2), 2 (0 and those), 8 (3 and all).
  private func tree() throws -> MergeTree {
    try agglomerate(features: [0, 2, 3, 11], count: 4, width: 1, linkage: .single)
  }

  @Test func cutsByNumber() throws {
    let tree = try tree()
    #expect(tree.merges.map(\.distance) == [1, 2, 8])
    #expect(try tree.labels(segments: 1) == [0, 0, 0, 0])
    #expect(try tree.labels(segments: 2) == [0, 0, 0, 1])
    #expect(try tree.labels(segments: 3) == [0, 1, 1, 2])
    #expect(try tree.labels(segments: 4) == [0, 1, 2, 3])
    for segments in [0, 5, -1, .min, .max] {
      #expect(throws: SegmentationError.segments(segments, count: 4)) { try tree.labels(segments: segments) }
    }
  }

  @Test func rowsAreTheTree() throws {
    let tree = try tree()
    #expect(tree.rows.prefix(4) == [1, 2, 1, 2])
    #expect(try MergeTree(rows: tree.rows) == tree)
    #expect(try MergeTree(rows: []).labels(segments: 1) == [0])
    for (place, bad) in [(0, 4.0), (0, -1), (0, 0.5), (0, .nan), (1, 1), (4, 2), (4, 1e300)] {
      var rows = tree.rows
      rows[place] = bad
      let error = #expect(throws: SegmentationError.self) { try MergeTree(rows: rows) }
      #expect(error?.description.hasPrefix("merges: row ") == true, "\(bad) at \(place)")
    }
  }

  @Test func levelsKeepTheLabelOfTheLargerPart() throws {
    let tree = try tree()
    #expect(try tree.levels([1, 2, 3, 4]) == [[0, 0, 0, 0], [0, 0, 0, 1], [2, 0, 0, 1], [2, 0, 3, 1]])
    #expect(try tree.levels([3]) == [[2, 0, 0, 1]])
    #expect(try tree.levels([]) == [])
    for segments in [0, 5, .min, .max] {
      #expect(throws: SegmentationError.segments(segments, count: 4)) { try tree.levels([1, segments]) }
    }
  }

  @Test func cutsByDistance() throws {
    let tree = try tree()
    #expect(try tree.labels(distance: 0.999) == [0, 1, 2, 3])
    #expect(try tree.labels(distance: 1) == [0, 1, 1, 2])
    #expect(try tree.labels(distance: 7) == [0, 0, 0, 1])
    #expect(try tree.labels(distance: .infinity) == [0, 0, 0, 0])
    #expect(try tree.labels(distance: -1) == [0, 1, 2, 3])
    #expect(throws: SegmentationError.distance) { try tree.labels(distance: .nan) }
  }

  /// On a grid a merge can be cheaper than one under it; it is done only when those are.
  @Test func cutsInversionsByTheirHighestMerge() throws {
    // Ward on a row: the first two merge at 1, then each merge with the next patch is cheaper than that.
    let tree = try agglomerate(
      features: [0, 1, -0.01, 1.05], count: 4, width: 1, grid: FeatureGrid(rows: 1, columns: 4))
    #expect(tree.merges.map(\.left) == [0, 2, 3])
    try #require(tree.merges[0].distance == 1 && tree.merges[1].distance < 0.9 && tree.merges[2].distance < 0.9)
    #expect(try tree.labels(distance: 0.9) == [0, 1, 2, 3])
    #expect(try tree.labels(distance: 1) == [0, 0, 0, 0])
  }

  @Test func onePatchIsATree() throws {
    let tree = try agglomerate(features: [1, 2], count: 1, width: 2)
    #expect(tree.merges.isEmpty)
    #expect(try tree.labels(segments: 1) == [0])
    #expect(try tree.labels(distance: 0) == [0])
  }
}
