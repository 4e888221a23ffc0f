import Compute
import TestSupport
import Testing

@Suite struct RowSumTests {
  @Test(arguments: [(0, 3), (1, 1), (3, 17), (177, 3), (17, 177), (20_000, 3)])
  func columnSums(rows: Int, width: Int) throws {
    let x = randomValues(rows * width, seed: 1)
    let start = randomValues(width, seed: 2)
    var expected = start.doubled
    for (index, value) in x.enumerated() { expected[index % width] += Double(value) }
    try Machine.onEachInstructionSet { set in
      var first: [Float]?
      try Machine.onEachThreadCount { threads in
        var sums = start
        try addColumnSums(x, rows: rows, width: width, into: &sums)
        guard let first else { return first = sums }
        expectSameBits(sums, first, "\(threads) threads, \(set)")
      }
      // Partial sums of n random numbers stay below 3·√n.
      let magnitude = 3 * (Double(rows) + 1).squareRoot()
      expectClose(try #require(first), expected, absolute: roundingError(terms: rows, magnitude: magnitude), "\(set)")
    }
  }

  @Test(arguments: [0, 1, 17, 177, 100_001])
  func squares(count: Int) {
    let x = randomValues(count, seed: 1)
    let expected = x.doubled.reduce(0) { $0 + $1 * $1 }
    Machine.onEachInstructionSet { set in
      Machine.onEachThreadCount { _ in
        expectClose([sumOfSquares(x, count: count)], [expected], relative: 1e-12, "\(set)")
      }
    }
  }

  /// Chunks follow one another and cover all rows, for any sizes.
  @Test func chunksCoverTheRows() {
    for rows in [0, 1, 3, 17, 177, 16384, 16385, 5_000_000] {
      for cost in [0, 1, 17, 1000, 16384, 1_000_000] {
        let chunks = RowChunks(rows: rows, cost: cost)
        var next = 0
        for index in 0..<chunks.count {
          #expect(chunks[index].lowerBound == next && !chunks[index].isEmpty)
          next = chunks[index].upperBound
        }
        #expect(next == rows && chunks.count <= 256)
      }
    }
  }
}
