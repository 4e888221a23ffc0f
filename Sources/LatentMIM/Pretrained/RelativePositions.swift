import Compute
import Tensors

/// Relative position bias as BEiT has it: a number for each head and each distance between two patches, and, with a
/// class token, one each for the class token's view of patches, the patches' view of it, and its own.
struct RelativePositions {
  /// One table for all blocks, or one each: [(2·rows − 1)(2·columns − 1) (+ 3), heads], distances row by row.
  let tables: [Tensor]
  let rows: Int
  let columns: Int
  let heads: Int
  let hasClassToken: Bool
  /// How other grids are found.
  let interpolation: BiasInterpolation

  /// The numbers behind the distances: class token → patch, patch → class token, class token → itself.
  static let classEntries = 3

  /// Rows of a table for a grid.
  static func entries(rows: Int, columns: Int, hasClassToken: Bool) -> Int {
    (2 * rows - 1) * (2 * columns - 1) + (hasClassToken ? classEntries : 0)
  }

  /// For each table the biases by head, [heads, entries], at a grid; distances from the largest to the smallest, so
  /// that the biases of a query to the keys of one row of patches lie side by side.
  func byHead(rows newRows: Int, columns newColumns: Int) throws -> [Buffer] {
    let maps = (
      interpolation.map(inputs: rows, outputs: newRows), interpolation.map(inputs: columns, outputs: newColumns)
    )
    return try tables.map { table in
      let distances = (2 * rows - 1) * (2 * columns - 1)
      let grid = try Tensor(
        shape: [distances, heads], values: UnsafeBufferPointer(start: table.pointer, count: distances * heads))
      let resized = try mapped(grid, rows: maps.0, columns: maps.1)
      let count = resized.shape[0]
      let entries = count + (hasClassToken ? Self.classEntries : 0)
      let result = try Buffer(count: heads * entries)
      for head in 0..<heads {
        let place = result.pointer + head * entries
        for k in 0..<count { place[k] = resized.pointer[(count - 1 - k) * heads + head] }
        for k in count..<entries { place[k] = table.pointer[(distances + k - count) * heads + head] }
      }
      return result
    }
  }

  /// What is added to the scores of a grid of patches.
  ///
  /// - Parameter numbers: of `byHead` for that grid.
  /// - Throws: `OutOfMemory`.
  func bias(_ numbers: Buffer, rows: Int, columns: Int, headWidth: Int) throws -> ScoreBias {
    let (leading, cells) = (hasClassToken ? 1 : 0, rows * columns)
    let (across, distances) = (2 * columns - 1, (2 * rows - 1) * (2 * columns - 1))
    let entries = distances + (hasClassToken ? Self.classEntries : 0)
    return try ScoreBias(heads: heads, tokens: cells + leading, headWidth: headWidth) { head, query, row in
      let values = numbers.pointer + head * entries
      if leading == 1 { row[0] = query == 0 ? values[distances + 2] : values[distances + 1] }
      guard query >= leading else {
        for cell in 0..<cells { row[leading + cell] = values[distances] }
        return
      }
      let (y, x) = ((query - leading) / columns, (query - leading) % columns)
      for keyRow in 0..<rows {
        // Distances are key − query here, as they are stored from the largest query − key.
        let start = (keyRow - y + rows - 1) * across + columns - 1 - x
        (row + leading + keyRow * columns).update(from: values + start, count: columns)
      }
    }
  }
}
