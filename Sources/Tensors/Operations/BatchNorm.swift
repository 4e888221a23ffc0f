import Compute
import Glibc

/// (x − mean)/√(variance + ε) of every column over the rows of a batch, with the biased variance (divided by N). The
/// gradient flows through mean and variance.
///
/// - Parameter x: [N, C], N ≥ 1.
/// - Throws: `ShapeError`, `OutOfMemory`.
public func batchNorm(_ x: Tensor, epsilon: Float) throws -> Tensor {
  try expect(2, x, "batchNorm", "x")
  let (rows, width) = (x.shape[0], x.width)
  guard rows > 0 else { throw ShapeError("batchNorm", "x has shape \(x.shape), wanted at least one row") }
  let (y, rstd) = (try Buffer(count: x.count), try Buffer(count: width))
  let input = x.buffer
  parallelRows(width, cost: rows) { columns in
    for column in columns {
      var (sum, square) = (0.0, 0.0)
      for row in 0..<rows { sum += Double(input.pointer[row * width + column]) }
      let mean = sum / Double(rows)
      for row in 0..<rows {
        let deviation = Double(input.pointer[row * width + column]) - mean
        square += deviation * deviation
      }
      let scale = 1 / (square / Double(rows) + Double(epsilon)).squareRoot()
      rstd.pointer[column] = Float(scale)
      for row in 0..<rows {
        let index = row * width + column
        y.pointer[index] = Float((Double(input.pointer[index]) - mean) * scale)
      }
    }
  }
  let dx = x.gradient
  return recorded(shape: x.shape, buffer: y, inputs: [x]) { dy in
    let contribution = try Buffer(count: rows * width)
    parallelRows(width, cost: rows) { columns in
      for column in columns {
        var (sum, product) = (0.0, 0.0)
        for row in 0..<rows {
          let index = row * width + column
          sum += Double(dy.pointer[index])
          product += Double(dy.pointer[index]) * Double(y.pointer[index])
        }
        let (mean, slope) = (sum / Double(rows), product / Double(rows))
        for row in 0..<rows {
          let index = row * width + column
          let change = Double(dy.pointer[index]) - mean - slope * Double(y.pointer[index])
          contribution.pointer[index] = Float(change) * rstd.pointer[column]
        }
      }
    }
    try dx?.add(contribution)
  }
}

/// max(x·weight + bias, 0), column by column.
///
/// - Parameters:
///   - x: [N, C].
///   - weight, bias: [C].
/// - Throws: `ShapeError`, `OutOfMemory`.
public func scaledReLU(_ x: Tensor, weight: Tensor, bias: Tensor) throws -> Tensor {
  try expect(2, x, "scaledReLU", "x")
  let (rows, width) = (x.shape[0], x.width)
  try expect([width], weight, "scaledReLU", "weight")
  try expect([width], bias, "scaledReLU", "bias")
  let (input, scale, y) = (x.buffer, weight.buffer, try Buffer(count: x.count))
  parallelRows(rows, cost: width) { range in
    for row in range {
      for column in 0..<width {
        let index = row * width + column
        y.pointer[index] = max(input.pointer[index] * scale.pointer[column] + bias.pointer[column], 0)
      }
    }
  }
  let (dx, dWeight, dBias) = (x.gradient, weight.gradient, bias.gradient)
  return recorded(shape: x.shape, buffer: y, inputs: [x, weight, bias]) { dy in
    let contribution = try Buffer(count: rows * width)
    let (ofWeight, ofBias) = (try Buffer(count: width, repeating: 0), try Buffer(count: width, repeating: 0))
    parallelRows(width, cost: rows) { columns in
      for row in 0..<rows {
        for column in columns {
          let index = row * width + column
          let slope = y.pointer[index] > 0 ? dy.pointer[index] : 0
          contribution.pointer[index] = slope * scale.pointer[column]
          ofWeight.pointer[column] += slope * input.pointer[index]
          ofBias.pointer[column] += slope
        }
      }
    }
    try dx?.add(contribution)
    try dWeight?.add(ofWeight)
    try dBias?.add(ofBias)
  }
}
