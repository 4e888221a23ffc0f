import Compute

/// Batch normalisation without affine parameters, of frozen features: nothing is learned, and no gradient passes.
final class FeatureNorm {
  private let width: Int
  let momentum: Double
  let epsilon: Double
  /// [width] each. Σ over the batches seen, each new one weighing `momentum`; unbiased variances, as in evaluation.
  private let means: ColumnNumbers
  private let variances: ColumnNumbers
  /// Of the batch at hand: its means, and its variances or what it is multiplied with.
  private let batchMeans: ColumnNumbers
  private let batchScales: ColumnNumbers

  /// - Throws: `OutOfMemory`.
  init(width: Int, momentum: Double = 0.1, epsilon: Double = 1e-6) throws {
    (self.width, self.momentum, self.epsilon) = (width, momentum, epsilon)
    (means, variances) = (try ColumnNumbers(width, repeating: 0), try ColumnNumbers(width, repeating: 1))
    (batchMeans, batchScales) = (try ColumnNumbers(width, repeating: 0), try ColumnNumbers(width, repeating: 0))
  }

  var mean: [Double] { Array(UnsafeBufferPointer(start: means.values, count: width)) }
  var variance: [Double] { Array(UnsafeBufferPointer(start: variances.values, count: width)) }

  /// Normalises a training batch [rows, width] in place by its own mean and (biased) variance, and adds them to the
  /// running ones.
  func train(_ x: UnsafeMutablePointer<Float>, rows: Int) {
    let (width, momentum, epsilon) = (width, momentum, epsilon)
    let (means, variances) = (means.values, variances.values)
    let (batchMeans, batchScales) = (batchMeans.values, batchScales.values)
    let unbiased = rows > 1 ? Double(rows) / Double(rows - 1) : 1
    // A chunk holds whole columns: their sums run down the rows in order, for any number of threads.
    parallelRows(width, cost: rows) { columns in
      findMoments(x, rows: rows, width: width, columns, batchMeans, batchScales)
      for column in columns {
        means[column] += momentum * (batchMeans[column] - means[column])
        variances[column] += momentum * (batchScales[column] * unbiased - variances[column])
        batchScales[column] = 1 / (batchScales[column] + epsilon).squareRoot()
      }
      normalize(x, rows: rows, width: width, columns, batchMeans, batchScales)
    }
  }

  /// Normalises rows [rows, width] in place by the running mean and variance.
  func evaluate(_ x: UnsafeMutablePointer<Float>, rows: Int) {
    let (width, epsilon, means, variances) = (width, epsilon, means.values, variances.values)
    let scales = batchScales.values
    parallelRows(width, cost: rows) { columns in
      for column in columns { scales[column] = 1 / (variances[column] + epsilon).squareRoot() }
      normalize(x, rows: rows, width: width, columns, means, scales)
    }
  }
}

/// A double for each column.
private struct ColumnNumbers {
  private let memory: Buffer
  var values: UnsafeMutablePointer<Double> { memory.raw.assumingMemoryBound(to: Double.self) }

  init(_ count: Int, repeating value: Double) throws {
    memory = try Buffer(count: 2 * count)
    values.update(repeating: value, count: count)
  }
}

/// Means and biased variances of some columns.
private func findMoments(
  _ x: UnsafePointer<Float>, rows: Int, width: Int, _ columns: Range<Int>, _ means: UnsafeMutablePointer<Double>,
  _ variances: UnsafeMutablePointer<Double>
) {
  for column in columns { (means[column], variances[column]) = (0, 0) }
  for row in 0..<rows {
    for column in columns { means[column] += Double(x[row * width + column]) }
  }
  for column in columns { means[column] /= Double(rows) }
  for row in 0..<rows {
    for column in columns {
      let difference = Double(x[row * width + column]) - means[column]
      variances[column] += difference * difference
    }
  }
  for column in columns { variances[column] /= Double(rows) }
}

private func normalize(
  _ x: UnsafeMutablePointer<Float>, rows: Int, width: Int, _ columns: Range<Int>,
  _ means: UnsafePointer<Double>, _ scales: UnsafePointer<Double>
) {
  for row in 0..<rows {
    for column in columns {
      x[row * width + column] = Float((Double(x[row * width + column]) - means[column]) * scales[column])
    }
  }
}
