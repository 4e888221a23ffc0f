import CKernels
import Compute

/// Cross-entropy with soft targets: mean over rows of −Σ_c target_c·log softmax(x)_c.
///
/// - Parameters:
///   - logits: [B, classes].
///   - targets: [B, classes], constant; every row sums to 1.
/// - Returns: a scalar.
/// - Throws: `ShapeError`, `OutOfMemory`.
public func softCrossEntropy(_ logits: Tensor, targets: Tensor) throws -> Tensor {
  try expect(2, logits, "softCrossEntropy", "logits")
  try expect(logits.shape, targets, "softCrossEntropy", "targets")
  let (rows, classes) = (logits.shape[0], logits.width)
  let stride = wholeVectors(classes)
  let (values, goals) = (logits.buffer, targets.buffer)
  let (shares, logSumExp, losses) = (
    try Buffer(count: rows * stride), try Buffer(count: rows), try Buffer(count: rows)
  )
  parallelRows(rows, cost: 8 * classes) { range in
    for row in range {
      let (x, goal) = (values.pointer + row * classes, goals.pointer + row * classes)
      let share = shares.pointer + row * stride
      share.update(from: x, count: classes)
      lmk_softmax(1, classes, stride, 1, share, logSumExp.pointer + row)
      var loss = 0.0
      for index in 0..<classes { loss += Double(goal[index]) * Double(logSumExp.pointer[row] - x[index]) }
      losses.pointer[row] = Float(loss)
    }
  }
  let mean = losses.values.reduce(0.0) { $0 + Double($1) } / Double(max(rows, 1))
  let dx = logits.gradient
  return recorded(shape: [], buffer: try Buffer([Float(mean)]), inputs: [logits]) { dy in
    let scale = dy.pointer[0] / Float(rows)
    let contribution = try Buffer(count: rows * classes)
    parallelRows(rows, cost: classes) { range in
      for row in range {
        for index in 0..<classes {
          let place = row * classes + index
          contribution.pointer[place] = scale * (shares.pointer[row * stride + index] - goals.pointer[place])
        }
      }
    }
    try dx?.add(contribution)
  }
}
