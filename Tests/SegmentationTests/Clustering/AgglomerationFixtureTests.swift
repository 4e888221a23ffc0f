@testable import Segmentation
import Files
import LatentMIM
import Testing

/// Trees by SciPy and scikit-learn: see Fixtures/make_agglomeration.py.
@Suite struct AgglomerationFixtureTests {
  private let fixture: JSONCursor
  private let grid: FeatureGrid
  private let features: [Float]
  private let width: Int

  init() throws {
    let folder = "/" + #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
    let bytes = try ReadableFile(path: folder + "/Fixtures/agglomeration.json").contents()
    fixture = JSONCursor(try JSONValue(parsing: bytes, source: "fixture"), source: "fixture")
    grid = FeatureGrid(rows: try fixture.member("rows").int(), columns: try fixture.member("columns").int())
    width = try fixture.member("width").int()
    features = try fixture.member("features_times_4096").elements().map { Float(try $0.int()) / 4096 }
  }

  @Test(arguments: Linkage.allCases)
  func agreesWithSciPy(_ linkage: Linkage) throws {
    let tree = try agglomerate(features: features, count: grid.rows * grid.columns, width: width, linkage: linkage)
    let expected = try fixture.member("free").member(linkage.rawValue)
    let merges = try expected.member("merges").elements().map { row in
      let numbers = try row.elements().map { try $0.double() }
      return MergeTree.Merge(left: Int(numbers[0]), right: Int(numbers[1]), distance: numbers[2], size: Int(numbers[3]))
    }
    expectSameTree(tree, merges)
    try expectSegments(tree, expected)
    // Between two merges: the last digit of the distance must not decide.
    let distance = try expected.member("distance").double() * (1 + 1e-9)
    #expect(try tree.labels(distance: distance) == ints(expected.member("at_distance")))
  }

  @Test(arguments: Linkage.allCases)
  func agreesWithScikitLearn(_ linkage: Linkage) throws {
    let tree = try agglomerate(
      features: features, count: grid.rows * grid.columns, width: width, linkage: linkage, grid: grid)
    let expected = try fixture.member("grid").member(linkage.rawValue)
    let children = try expected.member("children").elements().map { try ints($0) }
    let distances = try expected.member("distances").elements().map { try $0.double() }
    #expect(tree.merges.map { [$0.left, $0.right] } == children)
    for (merge, distance) in zip(tree.merges, distances) {
      #expect(abs(merge.distance - distance) <= 1e-9 * distance)
    }
    try expectSegments(tree, expected)
  }

  private func expectSegments(_ tree: MergeTree, _ expected: JSONCursor) throws {
    let segments = try expected.member("segments")
    for key in try segments.keys() {
      #expect(try tree.labels(segments: Int(key) ?? 0) == ints(segments.member(key)), "\(key) segments")
    }
  }

  private func ints(_ place: JSONCursor) throws -> [Int] { try place.elements().map { try $0.int() } }
}
