import Glibc
import Tensors

/// Rotary positions of a family whose weights may not tell them.
struct RotaryRule: Sendable {
  /// The longest period over the shortest.
  var theta: Double

  /// Axial, of places normalised to −1 … 1.
  static let dinov3 = RotaryRule(theta: 100)

  /// Periods of an axis, for heads of a width: θ^(4j/width), j < width/4.
  func periods(headWidth: Int) -> [Float] {
    (0..<headWidth / 4).map { Float(pow(theta, 4 * Double($0) / Double(headWidth))) }
  }
}

/// Rotary positions as DINOv3 has them (Siméoni et al. 2025): a patch's place in each axis, normalised to −1 … 1 at the
/// image's borders, makes angles 2π·place/period; those of rows first, then those of columns.
struct RotaryPositions {
  /// Of one axis; a quarter of a head's width.
  let periods: [Float]

  /// - Throws: `ShapeError`, `OutOfMemory`.
  func table(rows: Int, columns: Int) throws -> RotaryTable {
    func place(_ cell: Int, of cells: Int) -> Double { 2 * (Double(cell) + 0.5) / Double(cells) - 1 }
    var angles: [Double] = []
    angles.reserveCapacity(2 * periods.count * rows * columns)
    for row in 0..<rows {
      for column in 0..<columns {
        for place in [place(row, of: rows), place(column, of: columns)] {
          angles += periods.map { 2 * .pi * place / Double($0) }
        }
      }
    }
    return try RotaryTable(angles, patches: rows * columns)
  }
}
