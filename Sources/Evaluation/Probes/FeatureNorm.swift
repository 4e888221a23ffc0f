import Compute

/// Batch normalisation without affine parameters, of frozen features: nothing is learned, and no gradient passes.
struct FeatureNorm {
  /// Σ over the batches seen, each new one weighing `momentum`; unbiased variances, as in evaluation.
  private(set) var mean: [Double]
  private(set) var variance: [Double]
  let momentum: Double
  let epsilon: Double

  init(width: Int, momentum: Double = 0.1, epsilon: Double = 1e-6) {
    mean = Array(repeating: 0, count: width)
    variance = Array(repeating: 1, count: width)
    (self.momentum, self.epsilon) = (momentum, epsilon)
  }

  /// Normalises a training batch [rows, width] in place by its own mean and (biased) variance, and adds them to the
  /// running ones.
  mutating func train(_ x: UnsafeMutablePointer<Float>, rows: Int) {
    let width = mean.count
    let (momentum, epsilon) = (momentum, epsilon)
    let unbiased = rows > 1 ? Double(rows) / Double(rows - 1) : 1
    mean.withUnsafeMutableBufferPointer { mean in
      variance.withUnsafeMutableBufferPointer { variance in
        // A chunk holds whole columns: their sums run down the rows in order, for any number of threads.
        parallelRows(width, cost: rows) { columns in
          let (means, squares) = moments(x, rows: rows, width: width, columns)
          for (place, column) in columns.enumerated() {
            mean[column] += momentum * (means[place] - mean[column])
            variance[column] += momentum * (squares[place] * unbiased - variance[column])
          }
          normalize(x, rows: rows, width: width, columns, means, squares, epsilon)
        }
      }
    }
  }

  /// Normalises rows [rows, width] in place by the running mean and variance.
  func evaluate(_ x: UnsafeMutablePointer<Float>, rows: Int) {
    parallelRows(mean.count, cost: rows) { columns in
      normalize(
        x, rows: rows, width: mean.count, columns, Array(mean[columns]), Array(variance[columns]), epsilon)
    }
  }
}

/// Means and biased variances of some columns.
private func moments(
  _ x: UnsafePointer<Float>, rows: Int, width: Int, _ columns: Range<Int>
) -> (means: [Double], variances: [Double]) {
  var means = [Double](repeating: 0, count: columns.count)
  for row in 0..<rows {
    for (place, column) in columns.enumerated() { means[place] += Double(x[row * width + column]) }
  }
  for place in means.indices { means[place] /= Double(rows) }
  var variances = [Double](repeating: 0, count: columns.count)
  for row in 0..<rows {
    for (place, column) in columns.enumerated() {
      let difference = Double(x[row * width + column]) - means[place]
      variances[place] += difference * difference
    }
  }
  for place in variances.indices { variances[place] /= Double(rows) }
  return (means, variances)
}

private func normalize(
  _ x: UnsafeMutablePointer<Float>, rows: Int, width: Int, _ columns: Range<Int>, _ means: [Double],
  _ variances: [Double], _ epsilon: Double
) {
  let scales = variances.map { 1 / ($0 + epsilon).squareRoot() }
  for row in 0..<rows {
    for (place, column) in columns.enumerated() {
      x[row * width + column] = Float((Double(x[row * width + column]) - means[place]) * scales[place])
    }
  }
}
