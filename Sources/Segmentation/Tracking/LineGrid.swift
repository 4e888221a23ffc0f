/// A grid of patches in the order of lines along its shorter side: a window then spans few lines of many, and the
/// patches of its lines lie together in memory.
struct LineGrid: Equatable, Sendable {
  let rows: Int
  let columns: Int

  var count: Int { rows * columns }
  var lines: Int { max(rows, columns) }
  /// Patches of a line.
  var length: Int { min(rows, columns) }
  /// From a patch to the next of its column, and of its row.
  var rowStride: Int { columns > rows ? 1 : columns }
  var columnStride: Int { columns > rows ? rows : 1 }

  /// Where a patch stands in a grid row by row.
  func rasterIndex(_ index: Int) -> Int {
    columns > rows ? index % rows * columns + index / rows : index
  }
}
