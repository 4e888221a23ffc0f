import Compute
import Networks
import Tensors

/// What an encoder that another project trained has in place of this project's sin-cos positions.
public struct PretrainedParts {
  /// The family its checkpoint was read as: "timm", "dinov2" …
  public let family: String
  /// Whether positions of grids smaller than the trained one are averages ("antialiased"); see `AxisMap.bicubic`.
  public let antialias: Bool
  /// [rows · columns, C], those of the patches at the trained grid; nil: none are added.
  let positions: Tensor?
  /// nil: attention has no bias.
  let relative: RelativePositions?
}

extension PretrainedParts {
  /// [rows · columns, C], zeros where no positions are added.
  func table(_ configuration: ModelConfiguration, rows: Int, columns: Int) throws -> Tensor {
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
