import Glibc
import Tensors

/// Rotary positions of a family whose weights may not tell them.
struct RotaryRule: Sendable {
  /// The longest period over the shortest.
  var theta: Double
  /// See `RotaryPositions`.
  var reference: [Int]?
  /// Whether the pairs that are turned are neighbours, (2i, 2i + 1), in its files; else half a head apart.
  var isInterleaved = false

  /// Axial, of places normalised to −1 … 1.
  static let dinov3 = RotaryRule(theta: 100)
  /// Axial, of places counted on the grid that all of its models were first trained at.
  static let eva = RotaryRule(theta: 10_000, reference: [16, 16], isInterleaved: true)

  /// Periods of an axis, for heads of a width: θ^(4j/width), j < width/4; of counted places that in radians.
  func periods(headWidth: Int) -> [Float] {
    let shortest = reference == nil ? 1 : 2 * Double.pi
    return (0..<headWidth / 4).map { Float(shortest * pow(theta, 4 * Double($0) / Double(headWidth))) }
  }
}

/// Axial rotary positions: a patch's place in each axis makes angles 2π·place/period; those of rows first, then those
/// of columns.
struct RotaryPositions {
  /// Of one axis; a quarter of a head's width.
  let periods: [Float]
  /// Rows and columns of the grid on which places are counted, 0 … rows − 1: others are scaled to its length (EVA-02,
  /// Fang et al. 2023). nil: places are normalised to −1 … 1 at the image's borders (DINOv3, Siméoni et al. 2025).
  let reference: [Int]?

  /// - Throws: `ShapeError`, `OutOfMemory`.
  func table(rows: Int, columns: Int) throws -> RotaryTable {
    try RotaryTable(angles(rows: rows, columns: columns), patches: rows * columns)
  }

  /// [rows · columns, 2 · periods], in radians.
  func angles(rows: Int, columns: Int) -> [Double] {
    func place(_ cell: Int, of cells: Int, axis: Int) -> Double {
      guard let reference else { return 2 * (Double(cell) + 0.5) / Double(cells) - 1 }
      return Double(cell) * Double(reference[axis]) / Double(cells)
    }
    var angles: [Double] = []
    angles.reserveCapacity(2 * periods.count * rows * columns)
    for row in 0..<rows {
      for column in 0..<columns {
        for place in [place(row, of: rows, axis: 0), place(column, of: columns, axis: 1)] {
          angles += periods.map { 2 * .pi * place / Double($0) }
        }
      }
    }
    return angles
  }
}

/// Queries, keys and values [3C, …] whose pairs are neighbours, with those of queries and keys half a head apart: what
/// attention computes stays the same.
func pairedByHalves(_ values: [Float], width: Int, heads: Int) -> [Float] {
  let (columns, head) = (values.count / (3 * width), width / heads)
  var result = values
  for row in 0..<2 * width {
    let place = row % head
    let source = row - place + (place < head / 2 ? 2 * place : 2 * (place - head / 2) + 1)
    for column in 0..<columns { result[row * columns + column] = values[source * columns + column] }
  }
  return result
}

extension TensorAssembly {
  /// Compares rotary positions with the cosines that EVA-02's own files hold of the trained grid.
  ///
  /// - Throws: `WeightsError` where they are others.
  func check(_ rotary: RotaryPositions, _ configuration: ModelConfiguration) throws {
    let name = "rope.freqs_cos"
    guard rotary.reference != nil, let shape = try weights.shape(of: name),
      let stored = try weights.values(name)
    else { return }
    let angles = rotary.angles(rows: configuration.rows, columns: configuration.columns)
    // Both numbers of a pair have its cosine, perhaps as bfloat16.
    let isSame =
      stored.count == 2 * angles.count
      && stored.indices.allSatisfy { abs(Double(stored[$0]) - cos(angles[$0 / 2])) < 1.0 / 256 }
    guard isSame else {
      throw WeightsError(
        source: weights.title,
        problems: [
          "\(weights.prefix)\(name) has shape \(shape) and is of other rotary positions than EVA-02's at a grid "
            + "[\(configuration.rows), \(configuration.columns)] of \(configuration.heads) heads"
        ])
    }
  }
}
