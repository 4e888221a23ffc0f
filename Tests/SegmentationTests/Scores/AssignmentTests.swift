import Compute
import Testing

@testable import Segmentation

@Suite struct AssignmentTests {
  @Test func byHand() throws {
    // Greedy takes 9 and 0; best are 8 and 7.
    #expect(try assignment(weights: [9, 8, 7, 0], rows: 2, columns: 2) == [1, 0])
    #expect(try assignment(weights: [1, 5, 3], rows: 3, columns: 1) == [nil, 0, nil])
    #expect(try assignment(weights: [1, 5, 3], rows: 1, columns: 3) == [1])
    #expect(try assignment(weights: [], rows: 2, columns: 0) == [nil, nil])
    #expect(try assignment(weights: [], rows: 0, columns: 3) == [])
  }

  /// The best of all assignments, tried one by one; small whole weights, so that ties are many.
  @Test(arguments: [(1, 1), (3, 3), (5, 5), (2, 6), (6, 2), (4, 5)])
  func isTheBest(_ size: (Int, Int)) throws {
    let (rows, columns) = size
    let random = RandomStream(seed: 11, purpose: .shuffle)
    for trial in 0..<50 {
      let weights = (0..<(rows * columns)).map { Double(random.integer(below: 7, at: trial * 100 + $0) - 3) }
      let found = try assignment(weights: weights, rows: rows, columns: columns)
      let taken = found.compactMap { $0 }
      #expect(Set(taken).count == taken.count && taken.count == min(rows, columns))
      let sum = found.enumerated().reduce(0) {
        $0 + ($1.element.map { [row = $1.offset] in weights[row * columns + $0] } ?? 0)
      }
      #expect(sum == best(weights, rows, columns, row: 0, taken: [], left: max(rows - columns, 0)))
    }
  }

  /// The largest sum from `row` on, of which `left` rows may stay without a column.
  private func best(_ weights: [Double], _ rows: Int, _ columns: Int, row: Int, taken: Set<Int>, left: Int) -> Double {
    guard row < rows else { return 0 }
    var sums = (0..<columns).filter { !taken.contains($0) }.map {
      weights[row * columns + $0]
        + best(weights, rows, columns, row: row + 1, taken: taken.union([$0]), left: left)
    }
    if left > 0 { sums.append(best(weights, rows, columns, row: row + 1, taken: taken, left: left - 1)) }
    return sums.max() ?? -.infinity
  }
}
