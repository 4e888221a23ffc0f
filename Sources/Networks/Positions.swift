import Compute
import Glibc
import Tensors

/// Where the cells of a grid are said to be.
public enum PositionRule: String, Sendable, CaseIterable {
  /// rows linspace(0, rows, rows), columns likewise: spacing 14/13 at 14; a single cell is at 0.
  case linspace
  /// 0 … rows − 1, as in MAE.
  case index

  /// The distance between neighbours among `cells` of one axis.
  func spacing(_ cells: Int) -> Double {
    switch self {
    case .linspace: cells > 1 ? Double(cells) / Double(cells - 1) : 0
    case .index: 1
    }
  }
}

/// How positions of a grid other than the trained one are found.
public enum PositionScaling: String, Sendable, CaseIterable {
  /// The coordinates span the trained range.
  case span
  /// The trained spacing is kept; a larger grid reaches further.
  case extend
}

/// Fixed two-dimensional sin-cos positions, evaluated at any grid: for coordinate p the frequencies ω_k =
/// 10000^(−4k/C), k < C/4, an axis; layout [sin x, cos x, sin y, cos y], x the column, y the row.
public struct SinCosPositions: Sendable, Equatable {
  public let rows: Int
  public let columns: Int
  public let rule: PositionRule

  public init(rows: Int, columns: Int, rule: PositionRule) {
    self.rows = rows
    self.columns = columns
    self.rule = rule
  }

  /// The table of the trained grid, class row not included.
  ///
  /// - Parameter width: C, a multiple of 4.
  /// - Returns: [rows · columns, C], cells row by row.
  /// - Throws: `ShapeError`, `OutOfMemory`.
  public func table(width: Int) throws -> Tensor {
    try table(width: width, rows: rows, columns: columns, scaling: .span)
  }

  /// The table of another grid.
  ///
  /// - Returns: [gridRows · gridColumns, C].
  /// - Throws: `ShapeError`, `OutOfMemory`.
  public func table(width: Int, rows gridRows: Int, columns gridColumns: Int, scaling: PositionScaling) throws -> Tensor
  {
    guard width % 4 == 0 else { throw ShapeError("positions", "width is \(width), wanted a multiple of 4") }
    let ys = waves(of: coordinates(trained: rows, wanted: gridRows, scaling), width: width)
    let xs = waves(of: coordinates(trained: columns, wanted: gridColumns, scaling), width: width)
    let buffer = try Buffer(count: gridRows * gridColumns * width)
    let half = width / 2
    for row in 0..<gridRows {
      for column in 0..<gridColumns {
        let place = buffer.pointer + (row * gridColumns + column) * width
        for k in 0..<half {
          place[k] = xs[column * half + k]
          place[half + k] = ys[row * half + k]
        }
      }
    }
    return try Tensor(shape: [gridRows * gridColumns, width], buffer: buffer)
  }

  /// [sin, cos] of each coordinate, C/4 frequencies each.
  private func waves(of coordinates: [Double], width: Int) -> [Float] {
    let frequencies = (0..<width / 4).map { pow(10000, -4 * Double($0) / Double(width)) }
    return coordinates.flatMap { p in frequencies.map { Float(sin(p * $0)) } + frequencies.map { Float(cos(p * $0)) } }
  }

  private func coordinates(trained: Int, wanted: Int, _ scaling: PositionScaling) -> [Double] {
    let spacing = rule.spacing(trained)
    let step =
      switch scaling {
      case .extend: spacing
      case .span: wanted > 1 ? spacing * Double(trained - 1) / Double(wanted - 1) : 0
      }
    return (0..<wanted).map { step * Double($0) }
  }
}
