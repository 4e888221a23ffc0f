import Compute
import Evaluation
import TestSupport
import Testing

@Suite struct NearestNeighborTests {
  private func nearest(_ features: [Float], _ count: Int, _ width: Int, _ labels: [Int]) throws -> NearestNeighborResult
  {
    try features.withUnsafeBufferPointer {
      try leaveOneOutNearestNeighbor(features: $0, count: count, width: width, labels: labels)
    }
  }

  @Test(arguments: [(2, 1), (3, 17), (17, 3), (177, 35), (300, 64)])
  func agreesWithBruteForce(_ size: (Int, Int)) throws {
    let (count, width) = size
    let features = randomFeatures(count, width, seed: 4)
    let labels = (0..<count).map { $0 * $0 % 5 }
    let result = try nearest(features, count, width, labels)
    var right = 0
    for query in 0..<count {
      let cosines = (0..<count).map { $0 == query ? -2 : cosine(features, width, query, $0) }
      let best = cosines.max() ?? 0
      // Rounding may swap rows that are equally near, nothing else.
      #expect(cosines[result.neighbors[query]] > best - 1e-6)
      if labels[result.neighbors[query]] == labels[query] { right += 1 }
    }
    #expect(result.accuracy == Double(right) / Double(count))
  }

  private func cosine(_ features: [Float], _ width: Int, _ a: Int, _ b: Int) -> Double {
    func dot(_ a: Int, _ b: Int) -> Double {
      (0..<width).reduce(0) { $0 + Double(features[a * width + $1]) * Double(features[b * width + $1]) }
    }
    return dot(a, b) / (dot(a, a) * dot(b, b)).squareRoot()
  }

  @Test func tiesGoToTheLowestIndexAndSelfIsLeftOut() throws {
    // Rows 0, 2, 3 are one direction, 1 and 4 another; copies find each other, the lowest first.
    let result = try nearest([1, 0, 0, 1, 2, 0, 1, 0, 0, 5], 5, 2, [0, 1, 0, 2, 1])
    #expect(result.neighbors == [2, 4, 0, 0, 1])
    #expect(result.accuracy == 0.8)
    #expect(try nearest([0, 0, 0], 3, 1, [0, 0, 0]).neighbors == [1, 0, 0])
  }

  @Test func threadsDoNotMatter() throws {
    let features = randomFeatures(500, 33)
    let labels = [Int](repeating: 0, count: 500)
    var results: [NearestNeighborResult] = []
    try Machine.onEachThreadCount { _ in results.append(try nearest(features, 500, 33, labels)) }
    #expect(results[0] == results[1] && results[1] == results[2])
  }

  @Test func normalizes() throws {
    var rows: [Float] = [3, 4, 0, 0, 1e-30, 0, 1e30, -1e30]
    try rows.withUnsafeMutableBufferPointer { try l2Normalize($0, count: 4, width: 2) }
    let half = Float(0.5).squareRoot()
    #expect(rows == [0.6, 0.8, 0, 0, Float(Double(Float(1e-30)) / 1e-12), 0, half, -half])
    var none: [Float] = []
    try none.withUnsafeMutableBufferPointer { try l2Normalize($0, count: 0, width: 2) }
    #expect(throws: NearestNeighborError.self) {
      try rows.withUnsafeMutableBufferPointer { try l2Normalize($0, count: 3, width: 2) }
    }
  }

  @Test func refusesBadInput() {
    #expect(throws: NearestNeighborError.notFinite(row: 1, channel: 0)) { try nearest([1, 2, .nan, 1], 2, 2, [0, 0]) }
    #expect(throws: NearestNeighborError.labels(found: 1, count: 2)) { try nearest([1, 2], 2, 1, [0]) }
    for (count, width) in [(1, 2), (2, 2), (-1, -2), (.max, 2), (0, 0)] {
      #expect(throws: NearestNeighborError.features(found: 2, count: count, width: width, atLeast: 2)) {
        try nearest([1, 2], count, width, [])
      }
    }
  }
}
