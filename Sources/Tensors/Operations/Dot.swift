import Compute

/// Σ x·weights over all elements: a scalar whose gradient is `weights`.
///
/// - Parameters:
///   - x: any shape.
///   - weights: the same shape, constants.
/// - Returns: a scalar.
/// - Throws: `ShapeError`, `OutOfMemory`.
public func dot(_ x: Tensor, _ weights: Tensor) throws -> Tensor {
  try expect(x.shape, weights, "dot", "weights")
  let sum = zip(x.buffer.values, weights.buffer.values).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
  let (slot, slopes) = (x.gradient, weights.buffer)
  return recorded(shape: [], buffer: try Buffer([Float(sum)]), inputs: [x]) { dy in
    let scale = dy.pointer[0]
    let contribution = try Buffer(count: slopes.count)
    for index in 0..<slopes.count { contribution.pointer[index] = scale * slopes.pointer[index] }
    try slot?.add(contribution)
  }
}
