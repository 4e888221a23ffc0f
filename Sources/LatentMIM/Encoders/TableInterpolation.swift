import Compute
import Images
import Tensors

/// A linear map along one axis of a table: [outputs, inputs], row by row.
struct AxisMap: Equatable {
  let inputs: Int
  let outputs: Int
  let weights: [Float]

  /// Nothing changes.
  static func identity(_ count: Int) -> AxisMap {
    AxisMap(inputs: count, outputs: count, weights: (0..<count * count).map { $0 % (count + 1) == 0 ? 1 : 0 })
  }

  /// Bicubic interpolation between cell centres.
  ///
  /// - Parameters:
  ///   - antialias: true: a = −½, widened where the axis gets shorter, weights outside left out and the others scaled
  ///     to sum 1 (timm's default). false: a = −¾ among the four nearest, those outside taken from the border.
  ///   - offset: what DINO adds to `outputs` where it computes how far apart they lie; without antialiasing only.
  static func bicubic(inputs: Int, outputs: Int, antialias: Bool, offset: Double = 0) -> AxisMap {
    if inputs == outputs, offset == 0 { return identity(inputs) }
    guard !antialias else {
      return AxisMap(
        inputs: inputs, outputs: outputs, weights: antialiasedBicubic(inputs: inputs, outputs: outputs))
    }
    var weights = [Float](repeating: 0, count: outputs * inputs)
    let a = -0.75
    for output in 0..<outputs {
      let center = (Double(output) + 0.5) * Double(inputs) / (Double(outputs) + offset) - 0.5
      let below = center.rounded(.down)
      for offset in -1...2 {
        let x = abs(center - below - Double(offset))
        let weight = x < 1 ? ((a + 2) * x - (a + 3)) * x * x + 1 : (((x - 5) * x + 8) * x - 4) * a
        let input = min(max(Int(below) + offset, 0), inputs - 1)
        weights[output * inputs + input] += Float(weight)
      }
    }
    return AxisMap(inputs: inputs, outputs: outputs, weights: weights)
  }
}

extension AxisMap {
  /// Linear interpolation between cell centres, the border's cells continued outwards.
  static func bilinear(inputs: Int, outputs: Int) -> AxisMap {
    if inputs == outputs { return identity(inputs) }
    var weights = [Float](repeating: 0, count: outputs * inputs)
    for output in 0..<outputs {
      let center = max((Double(output) + 0.5) * Double(inputs) / Double(outputs) - 0.5, 0)
      let below = min(Int(center), inputs - 1)
      weights[output * inputs + below] += Float(1 - (center - Double(below)))
      weights[output * inputs + min(below + 1, inputs - 1)] += Float(center - Double(below))
    }
    return AxisMap(inputs: inputs, outputs: outputs, weights: weights)
  }
}

/// A table over a grid with each axis mapped.
///
/// - Parameters:
///   - table: [rows.inputs · columns.inputs, C], cells row by row.
/// - Returns: [rows.outputs · columns.outputs, C].
/// - Throws: `ShapeError`, `OutOfMemory`.
func mapped(_ table: Tensor, rows: AxisMap, columns: AxisMap) throws -> Tensor {
  let width = table.shape[1]
  // Along the columns, then along the rows, where a row of the grid is one long cell.
  let wide = try mapAxis(table.pointer, lines: rows.inputs, columns, width: width)
  let result = try mapAxis(wide.pointer, lines: 1, rows, width: columns.outputs * width)
  return try Tensor(shape: [rows.outputs * columns.outputs, width], buffer: result)
}

/// [lines, inputs, width] → [lines, outputs, width].
private func mapAxis(_ values: UnsafePointer<Float>, lines: Int, _ map: AxisMap, width: Int) throws -> Buffer {
  let result = try Buffer(count: lines * map.outputs * width, repeating: 0)
  for line in 0..<lines {
    for output in 0..<map.outputs {
      let place = result.pointer + (line * map.outputs + output) * width
      for input in 0..<map.inputs {
        let weight = map.weights[output * map.inputs + input]
        guard weight != 0 else { continue }
        let source = values + (line * map.inputs + input) * width
        for channel in 0..<width { place[channel] += weight * source[channel] }
      }
    }
  }
  return result
}
