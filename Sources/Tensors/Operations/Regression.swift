import Compute

/// Regression losses of the difference d = prediction − target, per element or per patch (§3.4, eq. 5 and 6).
public enum Deviation: Sendable, Equatable {
  /// d²
  case squared
  /// |d|
  case absolute
  /// ½d² where |d| < δ, δ(|d| − δ/2) beyond.
  case huber(delta: Float)
  /// ½‖d‖₂² where ‖d‖₂² < δ², δ(‖d‖₁ − δ/2) beyond, for the vector d of a patch: eq. 6 as printed.
  case huberVector(delta: Float)
}

/// The mean loss of predictions: over all elements, or over patches for `huberVector`.
///
/// - Parameters:
///   - predictions: [..., C].
///   - targets: the same shape.
/// - Returns: a scalar.
/// - Throws: `ShapeError`, `OutOfMemory`.
public func meanDeviation(_ predictions: Tensor, _ targets: Tensor, _ deviation: Deviation) throws -> Tensor {
  try expect(predictions.shape, targets, "meanDeviation", "targets")
  guard predictions.count > 0 else {
    throw ShapeError("meanDeviation", "predictions have shape \(predictions.shape), wanted at least one number")
  }
  let (rows, width) = (predictions.rows, predictions.width)
  let (p, z) = (predictions.buffer, targets.buffer)
  let sums = try Buffer(count: rows)
  parallelRows(rows, cost: width) { range in
    for row in range {
      sums.pointer[row] = deviation.sum(p.pointer + row * width, z.pointer + row * width, count: width)
    }
  }
  let terms = Float(deviation.isOfVectors ? rows : rows * width)
  let mean = sums.values.reduce(0.0) { $0 + Double($1) } / Double(terms)
  let (dp, dz) = (predictions.gradient, targets.gradient)
  return recorded(shape: [], buffer: try Buffer([Float(mean)]), inputs: [predictions, targets]) { dy in
    let scale = dy.pointer[0] / terms
    func gradient(_ a: Buffer, _ b: Buffer) throws -> Buffer {
      let result = try Buffer(count: rows * width)
      parallelRows(rows, cost: width) { range in
        for row in range {
          let first = row * width
          deviation.slopes(
            a.pointer + first, b.pointer + first, count: width, scale: scale, into: result.pointer + first)
        }
      }
      return result
    }
    // The loss is even in d, so the gradient of the targets is that of the predictions with the two exchanged.
    if let dp { try dp.add(gradient(p, z)) }
    if let dz { try dz.add(gradient(z, p)) }
  }
}

extension Deviation {
  fileprivate var isOfVectors: Bool {
    if case .huberVector = self { true } else { false }
  }

  /// Sum of the losses of one patch's elements; the patch's loss for `huberVector`.
  fileprivate func sum(_ p: UnsafePointer<Float>, _ z: UnsafePointer<Float>, count: Int) -> Float {
    var sum: Float = 0
    switch self {
    case .squared: for i in 0..<count { sum += (p[i] - z[i]) * (p[i] - z[i]) }
    case .absolute: for i in 0..<count { sum += abs(p[i] - z[i]) }
    case .huber(let delta):
      for i in 0..<count {
        let d = abs(p[i] - z[i])
        sum += d < delta ? d * d / 2 : delta * (d - delta / 2)
      }
    case .huberVector(let delta):
      let square = Deviation.squared.sum(p, z, count: count)
      sum = square < delta * delta ? square / 2 : delta * (Deviation.absolute.sum(p, z, count: count) - delta / 2)
    }
    return sum
  }

  /// scale · ∂sum/∂p.
  fileprivate func slopes(
    _ p: UnsafePointer<Float>, _ z: UnsafePointer<Float>, count: Int, scale: Float,
    into result: UnsafeMutablePointer<Float>
  ) {
    switch self {
    case .squared: for i in 0..<count { result[i] = 2 * scale * (p[i] - z[i]) }
    case .absolute: for i in 0..<count { result[i] = scale * sign(p[i] - z[i]) }
    case .huber(let delta): for i in 0..<count { result[i] = scale * min(max(p[i] - z[i], -delta), delta) }
    case .huberVector(let delta):
      if Deviation.squared.sum(p, z, count: count) < delta * delta {
        for i in 0..<count { result[i] = scale * (p[i] - z[i]) }
      } else {
        Deviation.absolute.slopes(p, z, count: count, scale: scale * delta, into: result)
      }
    }
  }

  private func sign(_ d: Float) -> Float { d > 0 ? 1 : d < 0 ? -1 : 0 }
}
