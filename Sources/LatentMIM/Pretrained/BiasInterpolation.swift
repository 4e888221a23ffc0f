import Glibc

/// How relative position bias of another grid is found.
enum BiasInterpolation: String, Sendable, CaseIterable {
  /// BEiT's own rule, see `AxisMap.relative`.
  case geometric
  /// That of Hugging Face: between the two nearest distances.
  case bilinear

  /// - Parameters:
  ///   - inputs: cells of the trained grid along an axis.
  ///   - outputs: cells of the other.
  func map(inputs: Int, outputs: Int) -> AxisMap {
    switch self {
    case .geometric: .relative(inputs: inputs, outputs: outputs)
    case .bilinear: .bilinear(inputs: 2 * inputs - 1, outputs: 2 * outputs - 1)
    }
  }
}

extension AxisMap {
  /// BEiT's rule for relative positions at another grid: the distances of the table, 2n − 1 along an axis of n cells,
  /// are stretched to a geometric progression 1, 1 + q, 1 + q + q² … that ends at the new grid's largest distance, q in
  /// 1.01 … 1.5, and a cubic spline through them is evaluated at the whole distances of the new grid. An axis that
  /// keeps its length keeps its numbers.
  ///
  /// - Parameters:
  ///   - inputs: cells of the trained grid along the axis.
  ///   - outputs: cells of the other.
  static func relative(inputs: Int, outputs: Int) -> AxisMap {
    guard inputs != outputs else { return identity(2 * inputs - 1) }
    let knots = stretchedDistances(largest: inputs - 1, wanted: outputs - 1)
    let places = (1 - outputs...outputs - 1).map { min(max(Double($0), knots[0]), knots[knots.count - 1]) }
    let spline = SplineWeights(knots)
    let rows = places.map { spline(at: $0) }
    return AxisMap(inputs: knots.count, outputs: places.count, weights: rows.flatMap { $0.map(Float.init) })
  }
}

/// −d … 0 … d for the distances d of the trained grid, stretched to reach `wanted`.
private func stretchedDistances(largest: Int, wanted: Int) -> [Double] {
  var (low, high, ratio) = (1.01, 1.5, 1.01)
  while high - low > 1e-6 {
    ratio = (low + high) / 2
    let reach = (1 - pow(ratio, Double(largest))) / (1 - ratio)
    if reach > Double(wanted) { high = ratio } else { low = ratio }
  }
  var distances: [Double] = []
  var step = 1.0
  for _ in 0..<largest {
    distances.append((distances.last ?? 0) + step)
    step *= ratio
  }
  return distances.reversed().map { -$0 } + [0] + distances
}

/// Interpolation through given knots by a cubic spline whose third derivative is continuous at the second and the last
/// but one knot ("not a knot"); by the polynomial through them where there are at most three.
private struct SplineWeights {
  private let knots: [Double]
  /// The second derivative at each knot, as weights of the values: [knots, knots]; empty for a polynomial.
  private let curvature: [[Double]]

  init(_ knots: [Double]) {
    self.knots = knots
    let count = knots.count
    guard count > 3 else {
      curvature = []
      return
    }
    let steps = zip(knots, knots.dropFirst()).map { $1 - $0 }
    var left = [[Double]](repeating: [Double](repeating: 0, count: count), count: count)
    var right = left
    for i in 1..<count - 1 {
      let (before, after) = (steps[i - 1], steps[i])
      (left[i][i - 1], left[i][i], left[i][i + 1]) = (before / 6, (before + after) / 3, after / 6)
      (right[i][i - 1], right[i][i], right[i][i + 1]) = (1 / before, -1 / before - 1 / after, 1 / after)
    }
    for (row, first, step, next) in [
      (0, 0, steps[0], steps[1]), (count - 1, count - 3, steps[count - 3], steps[count - 2]),
    ] {
      (left[row][first], left[row][first + 1], left[row][first + 2]) = (next, -step - next, step)
    }
    curvature = solve(left, right)
  }

  /// The weights of the values at the knots in the value at `x`, which lies between the first and the last.
  func callAsFunction(at x: Double) -> [Double] {
    guard !curvature.isEmpty else {
      return knots.indices.map { index in
        knots.indices.filter { $0 != index }.reduce(1.0) { $0 * (x - knots[$1]) / (knots[index] - knots[$1]) }
      }
    }
    let piece = min(max((knots.firstIndex { $0 > x } ?? knots.count) - 1, 0), knots.count - 2)
    let step = knots[piece + 1] - knots[piece]
    let (a, b) = ((knots[piece + 1] - x) / step, (x - knots[piece]) / step)
    let (c, d) = ((a * a * a - a) * step * step / 6, (b * b * b - b) * step * step / 6)
    var weights = zip(curvature[piece], curvature[piece + 1]).map { c * $0 + d * $1 }
    weights[piece] += a
    weights[piece + 1] += b
    return weights
  }
}

/// X with a·X = b for small matrices, by elimination with row exchanges.
private func solve(_ a: [[Double]], _ b: [[Double]]) -> [[Double]] {
  var (a, b) = (a, b)
  let n = a.count
  for column in 0..<n {
    let pivot = (column..<n).max { abs(a[$0][column]) < abs(a[$1][column]) } ?? column
    a.swapAt(column, pivot)
    b.swapAt(column, pivot)
    for row in column + 1..<n where a[row][column] != 0 {
      let factor = a[row][column] / a[column][column]
      for k in column..<n { a[row][k] -= factor * a[column][k] }
      for k in 0..<n { b[row][k] -= factor * b[column][k] }
    }
  }
  for row in (0..<n).reversed() {
    for k in row + 1..<n where a[row][k] != 0 {
      for l in 0..<n { b[row][l] -= a[row][k] * b[k][l] }
    }
    for l in 0..<n { b[row][l] /= a[row][row] }
  }
  return b
}
