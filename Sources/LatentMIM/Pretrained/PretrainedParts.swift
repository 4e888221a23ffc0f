import Compute
import Networks
import Tensors

/// How a table of positions is interpolated to another grid.
public enum PositionInterpolation: String, Sendable, CaseIterable {
  /// Bicubic, averaging where the grid gets smaller: timm's rule, and DINOv2's with registers.
  case antialiased
  /// Bicubic between the four nearest: Hugging Face's rule, and that of many projects.
  case bicubic
  /// The same, the cells of the new grid a tenth of a cell closer together: DINO's and DINOv2's rule.
  case offset

  func map(inputs: Int, outputs: Int) -> AxisMap {
    switch self {
    case .antialiased: .bicubic(inputs: inputs, outputs: outputs, antialias: true)
    case .bicubic: .bicubic(inputs: inputs, outputs: outputs, antialias: false)
    case .offset: .bicubic(inputs: inputs, outputs: outputs, antialias: false, offset: 0.1)
    }
  }
}

/// What an encoder that another project trained has in place of this project's sin-cos positions.
public struct PretrainedParts {
  /// The family its checkpoint was read as: "timm", "dinov2" …
  public let family: String
  /// How positions of other grids are found.
  public let interpolation: PositionInterpolation
  /// [rows · columns, C], those of the patches at the trained grid; nil: none are added.
  let positions: Tensor?
  /// nil: attention has no bias.
  let relative: RelativePositions?
  /// nil: queries and keys are not turned.
  let rotary: RotaryPositions?
}

extension PretrainedParts {
  /// [rows · columns, C], zeros where no positions are added.
  func table(_ configuration: ModelConfiguration, rows: Int, columns: Int) throws -> Tensor {
    guard let positions else {
      let count = rows * columns * configuration.width
      return try Tensor(shape: [rows * columns, configuration.width], buffer: Buffer(count: count, repeating: 0))
    }
    if (rows, columns) == (configuration.rows, configuration.columns) { return positions }
    // DINO's code leaves an axis that keeps its length as it is only where both do.
    return try mapped(
      positions, rows: interpolation.map(inputs: configuration.rows, outputs: rows),
      columns: interpolation.map(inputs: configuration.columns, outputs: columns))
  }
}
