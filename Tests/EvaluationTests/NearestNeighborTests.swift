import Compute
import Evaluation
import Tensors
import TestSupport
import Testing

@Suite struct NearestNeighborTests {
  private func nearest(_ features: [Float], _ count: Int, _ width: Int, _ labels: [Int]) throws -> ClassificationScore {
    let set = try labelled(features, width: width, labels, set: "test")
    return try #require(evaluate(train: nil, test: set, tap: "", LeaveOneOut()).classification)
  }

  @Test(arguments: [(2, 1), (3, 17), (17, 3), (177, 35), (300, 64)])
  func agreesWithBruteForce(_ size: (Int, Int)) throws {
    let (count, width) = size
    let features = randomValues(count * width, seed: 4)
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
    let features = randomValues(500 * 33, seed: 1)
    let labels = [Int](repeating: 0, count: 500)
    var results: [ClassificationScore] = []
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
    #expect(throws: ShapeError.self) {
      try rows.withUnsafeMutableBufferPointer { try l2Normalize($0, count: 3, width: 2) }
    }
  }

  @Test func theOthersOfOneImageAreNone() throws {
    #expect(throws: EvaluationError.oneImage) { try nearest([1, 2], 1, 2, [0]) }
    let set = try labelled([1, 2, 3], width: 1, [0, 0, 0])
    for k in [0, 3] {
      #expect(throws: EvaluationError.neighbors(k: k, bank: 2)) { try nearestNeighbors(among: set, k: k) }
    }
    #expect(try nearestNeighbors(among: set, k: 2).allRows == [1, 2, 0, 2, 0, 1])
  }
}
