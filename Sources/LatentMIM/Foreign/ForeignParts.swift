import Compute
import Networks
import Tensors

/// What an encoder that another project trained has in place of this project's sin-cos positions.
public struct ForeignParts {
  /// The family its checkpoint was read as: "timm", "dinov2" …
  public let family: String
  /// Whether positions of grids smaller than the trained one are averages ("antialiased"); see `AxisMap.bicubic`.
  public let antialias: Bool
  /// [rows · columns, C], those of the patches at the trained grid; nil: none are added.
  let positions: Tensor?
  /// nil: attention has no bias.
  let relative: RelativePositions?
}

/// Where the patches of a grid are, for a network.
struct PatchPlaces {
  /// [rows · columns, C]
  let table: Tensor
  /// What is added to the scores of a block's attention, by the block's number.
  var bias: ((Int) throws -> ScoreBias?)?
}

extension Encoder {
  /// Where the patches of a grid are.
  ///
  /// - Throws: `ShapeError` where positions of a foreign encoder are to be extended, `OutOfMemory`.
  func places(rows: Int, columns: Int, scaling: PositionScaling) throws -> PatchPlaces {
    let width = configuration.width
    guard let foreign else {
      return PatchPlaces(
        table: try configuration.positionTable.table(width: width, rows: rows, columns: columns, scaling: scaling))
    }
    let isTrained = (rows, columns) == (configuration.rows, configuration.columns)
    guard isTrained || scaling == .span else {
      throw ShapeError(
        "features", "positions of a \(foreign.family) encoder are a table and end with it; they cannot be extended")
    }
    return PatchPlaces(
      table: try foreign.table(configuration, rows: rows, columns: columns),
      bias: try foreign.relative.map { relative in
        let numbers = try relative.byHead(rows: rows, columns: columns)
        let headWidth = width / configuration.heads
        if numbers.count == 1 {
          let shared = try relative.bias(numbers[0], rows: rows, columns: columns, headWidth: headWidth)
          return { _ in shared }
        }
        return { try relative.bias(numbers[$0], rows: rows, columns: columns, headWidth: headWidth) }
      })
  }
}

extension ForeignParts {
  fileprivate func table(_ configuration: ModelConfiguration, rows: Int, columns: Int) throws -> Tensor {
    guard let positions else {
      let count = rows * columns * configuration.width
      return try Tensor(shape: [rows * columns, configuration.width], buffer: Buffer(count: count, repeating: 0))
    }
    if (rows, columns) == (configuration.rows, configuration.columns) { return positions }
    return try mapped(
      positions, rows: .bicubic(inputs: configuration.rows, outputs: rows, antialias: antialias),
      columns: .bicubic(inputs: configuration.columns, outputs: columns, antialias: antialias))
  }
}
