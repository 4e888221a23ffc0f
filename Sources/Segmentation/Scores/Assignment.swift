import Compute

/// The one-to-one assignment of rows to columns with the largest sum of weights: the Hungarian method by shortest
/// augmenting paths, O(rows² · columns) where rows are fewer.
///
/// - Parameters:
///   - weights: [rows, columns], finite.
/// - Returns: [rows], the column of each; nil for rows that are left where columns are fewer.
/// - Throws: `OutOfMemory`, `Interrupted`.
func assignment(weights: [Double], rows: Int, columns: Int) throws -> [Int?] {
  guard rows > 0, columns > 0 else { return [Int?](repeating: nil, count: max(rows, 0)) }
  guard rows <= columns else {
    try OutOfMemory.check(for: weights.count, of: Double.self)
    let turned = (0..<weights.count).map { weights[$0 % rows * columns + $0 / rows] }
    let columnsOf = try assignment(weights: turned, rows: columns, columns: rows)
    var result = [Int?](repeating: nil, count: rows)
    for (column, row) in columnsOf.enumerated() { if let row { result[row] = column } }
    return result
  }
  var search = AssignmentSearch(weights: weights, rows: rows, columns: columns)
  for row in 0..<rows {
    try Interruption.check()
    search.assign(row)
  }
  var result = [Int?](repeating: nil, count: rows)
  for (column, row) in search.rowOf.enumerated() where row >= 0 { result[row] = column }
  return result
}

/// Potentials u of rows and v of columns with cost − u − v ≥ 0, and 0 where a row is assigned; costs are negative
/// weights.
private struct AssignmentSearch {
  private let weights: [Double]
  private let columns: Int
  private var rowPotentials: [Double]
  private var columnPotentials: [Double]
  /// [columns], −1 where no row is.
  private(set) var rowOf: [Int]

  init(weights: [Double], rows: Int, columns: Int) {
    (self.weights, self.columns) = (weights, columns)
    rowPotentials = [Double](repeating: 0, count: rows)
    columnPotentials = [Double](repeating: 0, count: columns)
    rowOf = [Int](repeating: -1, count: columns)
  }

  /// Assigns one more row: along the shortest path to a free column, by Dijkstra's search.
  mutating func assign(_ row: Int) {
    var distances = [Double](repeating: .infinity, count: columns)
    var before = [Int](repeating: -1, count: columns)
    var isDone = [Bool](repeating: false, count: columns)
    var (current, reached, last) = (row, 0.0, -1)
    while true {
      var next = -1
      for column in 0..<columns where !isDone[column] {
        let slack = -weights[current * columns + column] - rowPotentials[current] - columnPotentials[column]
        if reached + slack < distances[column] { (distances[column], before[column]) = (reached + slack, last) }
        if next < 0 || distances[column] < distances[next] { next = column }
      }
      (isDone[next], last, reached) = (true, next, distances[next])
      guard rowOf[next] >= 0 else { break }
      current = rowOf[next]
    }
    rowPotentials[row] += reached
    for column in 0..<columns where isDone[column] && column != last {
      rowPotentials[rowOf[column]] += reached - distances[column]
      columnPotentials[column] -= reached - distances[column]
    }
    // Every row on the path moves to the column after it.
    while last >= 0 {
      let previous = before[last]
      rowOf[last] = previous >= 0 ? rowOf[previous] : row
      last = previous
    }
  }
}
