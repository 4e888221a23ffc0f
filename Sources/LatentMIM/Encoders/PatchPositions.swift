import Compute
import Networks
import Tensors

/// Where the patches of a grid are, for a network.
struct PatchPositions {
  /// [rows · columns, C]
  let table: Tensor
  /// What is added to the scores of a block's attention, by the block's number.
  var bias: ((Int) throws -> ScoreBias?)?
  /// Turns queries and keys.
  var rotary: RotaryTable?
}

extension Encoder {
  /// Where the patches of a grid are.
  ///
  /// - Throws: `ShapeError` where positions of overlapping patches, or those of another project's encoder, are to be
  ///   extended, `OutOfMemory`.
  func places(_ grid: PatchGrid, scaling: PositionScaling) throws -> PatchPositions {
    let (rows, columns, width) = (grid.rows, grid.columns, configuration.width)
    guard grid.gap == 0 || scaling == .span else {
      throw ShapeError("features", "positions cannot be extended where patches overlap; wanted one of the two")
    }
    if let learned = network.positions?.learned {
      return PatchPositions(table: try table(learned.tensor, rows: rows, columns: columns, scaling: scaling))
    }
    guard let pretrained else {
      return PatchPositions(
        table: try configuration.positionTable.table(width: width, rows: rows, columns: columns, scaling: scaling))
    }
    let isTrained = (rows, columns) == (configuration.rows, configuration.columns)
    guard isTrained || scaling == .span else {
      throw ShapeError(
        "features", "positions of a \(pretrained.family) encoder are a table and end with it; they cannot be extended")
    }
    return PatchPositions(
      table: try pretrained.table(configuration, rows: rows, columns: columns),
      bias: try pretrained.relative.map { relative in
        let numbers = try relative.byHead(rows: rows, columns: columns)
        let headWidth = width / configuration.heads
        if numbers.count == 1 {
          let shared = try relative.bias(numbers[0], rows: rows, columns: columns, headWidth: headWidth)
          return { _ in shared }
        }
        return { try relative.bias(numbers[$0], rows: rows, columns: columns, headWidth: headWidth) }
      }, rotary: try pretrained.rotary?.table(rows: rows, columns: columns))
  }

  /// A trained table [L + 1, C], the class token's row left out, interpolated where the grid is another than the
  /// trained one.
  private func table(_ learned: Tensor, rows: Int, columns: Int, scaling: PositionScaling) throws -> Tensor {
    let (trainedRows, trainedColumns) = (configuration.trainingRows, configuration.trainingColumns)
    let cells = (1...configuration.numPatches).map { Int32($0) }
    let own = try Tape.pause { try gatherRows(learned, indices: cells, images: 1) }
      .reshaped([cells.count, configuration.width])
    if (rows, columns) == (trainedRows, trainedColumns) { return own }
    guard scaling == .span else {
      throw ShapeError("features", "learned positions are a table and end with it; they cannot be extended")
    }
    return try mapped(
      own, rows: .bicubic(inputs: trainedRows, outputs: rows, antialias: true),
      columns: .bicubic(inputs: trainedColumns, outputs: columns, antialias: true))
  }
}
