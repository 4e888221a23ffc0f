import Compute
import Evaluation
import Glibc
import TestSupport
import Testing

@Suite struct NearGroupTests {
  private func groups(_ features: [Float], width: Int, _ threshold: Double) throws -> [Int] {
    let rows = features.count / width
    return try nearGroups(
      among: labelled(features, width: width, [Int](repeating: 0, count: rows)), threshold: threshold)
  }

  /// Single linkage by all pairs, in double precision.
  private func reference(_ features: [Float], width: Int, _ threshold: Double) -> [Int] {
    let count = features.count / width
    func dot(_ a: Int, _ b: Int) -> Double {
      (0..<width).reduce(0) { $0 + Double(features[a * width + $1]) * Double(features[b * width + $1]) }
    }
    var lowest = Array(0..<count)
    for a in 0..<count {
      for b in 0..<a where dot(a, b) / (dot(a, a) * dot(b, b)).squareRoot() >= threshold {
        let (from, to) = (max(lowest[a], lowest[b]), min(lowest[a], lowest[b]))
        for row in 0..<count where lowest[row] == from { lowest[row] = to }
      }
    }
    return lowest
  }

  @Test(arguments: [(1, 3), (2, 1), (40, 17), (177, 8), (1300, 5)], [0.5, 0.9, 0.99])
  func agreesWithAllPairs(_ size: (Int, Int), _ threshold: Double) throws {
    let features = randomValues(size.0 * size.1, seed: 7)
    let found = try groups(features, width: size.1, threshold)
    #expect(found == reference(features, width: size.1, threshold))
    #expect(zip(found.indices, found).allSatisfy { $1 <= $0 && found[$1] == $1 })
  }

  /// Far apart, in other tiles, scaled, and of odd widths: copies are near at every threshold, whatever rounding makes
  /// of their cosine.
  @Test(arguments: [17, 48, 385], [Float(1), 3, 0.37])
  func copiesAreNearAtOne(_ width: Int, _ scale: Float) throws {
    let rows = randomValues(1050 * width, seed: 3)
    let found = try groups(rows + rows.map { scale * $0 }, width: width, 1)
    #expect(found == Array(0..<1050) + Array(0..<1050))
  }

  @Test func chainsAreOneGroup() throws {
    let angles = (0..<30).map { Double($0) * 0.1 }
    let features = angles.flatMap { [Float(cosine($0)), Float(cosine($0 - .pi / 2))] }
    #expect(try Set(groups(features, width: 2, cosine(0.11))) == [0])
    #expect(try Set(groups(features, width: 2, cosine(0.09))).count == 30)
  }

  @Test func manyCopiesAreQuick() throws {
    #expect(try Set(groups([Float](repeating: 1, count: 3000 * 4), width: 4, 0.5)) == [0])
  }

  @Test func threadsDoNotMatter() throws {
    let features = randomValues(1500 * 9, seed: 5)
    var found: [[Int]] = []
    try Machine.onEachThreadCount { _ in found.append(try groups(features, width: 9, 0.9)) }
    #expect(found[0] == found[1] && found[1] == found[2])
  }

  @Test(arguments: [-1.5, 1.01, .nan])
  func strangeThresholdsAreRefused(_ threshold: Double) {
    #expect(throws: ArgumentError.self) { try groups([1, 2], width: 1, threshold) }
  }

  private func cosine(_ x: Double) -> Double { cos(x) }
}
