import Compute
import Glibc
import Tensors

/// The singular values of vectors, largest first: how many directions they spread over, and how fast that falls off.
///
/// None of its numbers sees collapse by itself: where all vectors are one constant and a little noise, the noise may
/// spread over every direction there is. `rowSimilarity` belongs beside them.
public struct Spectrum: Sendable, Equatable {
  /// min(rows, C) of them.
  public let values: [Double]
  /// Below this, a value is a zero that was rounded.
  private let least: Double

  /// - Parameters:
  ///   - vectors: [rows, C].
  ///   - isCentred: whether the mean of each column is subtracted first.
  /// - Returns: nil where a value is not finite, or LAPACK does not converge.
  /// - Throws: `OutOfMemory`.
  public init?(_ vectors: Tensor, isCentred: Bool) throws {
    let (rows, width) = (vectors.shape[0], vectors.shape[1])
    // The values as doubles, a copy that LAPACK writes to, and its workspace.
    try OutOfMemory.check(for: 4 * rows * width, of: Double.self)
    var matrix = vectors.values.map(Double.init)
    if isCentred { centre(&matrix, rows: rows, width: width) }
    guard let values = singularValues(matrix, rows: rows, columns: width) else { return nil }
    self.values = values
    least = (values.first ?? 0) * Double(max(rows, width)) * Double.ulpOfOne
  }

  /// exp of the entropy of the normalised values (Roy & Vetterli, 2007): of centred vectors 1 where all lie on a line
  /// or are equal, at most min(rows − 1, C).
  public var effectiveRank: Double { entropyRank(values) }

  /// RankMe (arXiv 2210.02885, eq. 1), which is meant for vectors that are not centred: the same, with 10⁻⁷ added to
  /// each normalised value.
  public var rankMe: Double { entropyRank(values, epsilon: 1e-7) }

  /// α-ReQ (Agrawal et al., NeurIPS 2022) of centred vectors: the eigenvalues of their covariance fall off as i^−α. The
  /// line through log λᵢ over log i, i = 12 … 50 (or as many as there are), is weighted by 1/i, as in the authors' code
  /// and Stringer et al.'s (2019). nan where fewer than 21 eigenvalues are above zero.
  public var decay: Double {
    let count = min(values.prefix { $0 > least }.count, 50)
    guard count >= 21 else { return .nan }
    var (w, wx, wy, wxx, wxy) = (0.0, 0.0, 0.0, 0.0, 0.0)
    for number in 12...count {
      let (weight, x, y) = (1 / Double(number), -log(Double(number)), 2 * log(values[number - 1]))
      w += weight
      wx += weight * x
      wy += weight * y
      wxx += weight * x * x
      wxy += weight * x * y
    }
    return (w * wxy - wx * wy) / (w * wxx - wx * wx)
  }
}

/// exp of the entropy of weights that are brought to the sum 1, `epsilon` added to each then; 1 where all are 0.
package func entropyRank(_ weights: [Double], epsilon: Double = 0) -> Double {
  let total = weights.reduce(0, +)
  guard total > 0 else { return 1 }
  return exp(
    -weights.reduce(0) { sum, weight in
      let share = weight / total + epsilon
      return share > 0 ? sum + share * log(share) : sum
    })
}

/// Mean cosine between different rows of [rows, C], at least two; a row of zeros has the cosine 0 with all.
///
/// - Throws: `OutOfMemory`.
package func rowSimilarity(_ vectors: Tensor) throws -> Double {
  let (rows, width) = (vectors.shape[0], vectors.shape[1])
  // Σ over ordered pairs of different rows = ‖Σ unit vectors‖² − their number.
  let units = try normalize(vectors)
  let sum = try Buffer(count: width, repeating: 0)
  try addColumnSums(units.pointer, rows: rows, width: width, into: sum.pointer)
  let all = sumOfSquares(sum.pointer, count: width)
  let own = sumOfSquares(units.pointer, count: units.count)
  return (all - own) / Double(rows * (rows - 1))
}

private func centre(_ matrix: inout [Double], rows: Int, width: Int) {
  for channel in 0..<width {
    let column = stride(from: channel, to: matrix.count, by: width)
    let mean = column.reduce(0) { $0 + matrix[$1] } / Double(rows)
    for index in column { matrix[index] -= mean }
  }
}
