import Compute
import Tensors

/// The groups that rows fall into where those whose cosine is at least `threshold` are joined, and in turn what those
/// are joined to (single linkage).
///
/// Products of tiles of rows are looked at and forgotten: memory is that of the rows and of one tile.
///
/// - Returns: [rows], the lowest row of each row's group; a row that is like no other is its own.
/// - Throws: `ArgumentError` where the threshold is not −1 … 1, `OutOfMemory`, `Interrupted`, what `progress` throws.
public func nearGroups(
  among features: LabelledFeatures, threshold: Double, progress: EvaluationProgress = { _, _, _ in }
) throws -> [Int] {
  guard (-1...1).contains(threshold) else {
    throw ArgumentError("threshold: is \(threshold), wanted a cosine, −1 … 1")
  }
  return try NearPairs(features, threshold: threshold).groups(progress)
}

/// Pairs of rows at a threshold or above it, by float32 products; where rounding could decide, in double precision.
private struct NearPairs {
  private static let rowsAtOnce = 1024
  /// What the cosine of two equal rows may lack to 1: each number of a row of length 1 is rounded to 24 bits.
  private static let ofEqualRows = 0x1p-22

  private let features: LabelledFeatures
  private let threshold: Double
  private let norms: InverseNorms
  /// Two blocks of rows of length 1, and their products.
  private let first: Buffer
  private let second: Buffer
  private let scores: Buffer

  init(_ features: LabelledFeatures, threshold: Double) throws {
    (self.features, self.threshold) = (features, threshold)
    let most = min(Self.rowsAtOnce, features.count)
    norms = try InverseNorms(features.start, count: features.count, width: features.width)
    (first, second) = (try Buffer(count: most * features.width), try Buffer(count: most * features.width))
    scores = try Buffer(count: most * most)
  }

  func groups(_ progress: EvaluationProgress) throws -> [Int] {
    var roots = Array(0..<features.count)
    for start in stride(from: 0, to: features.count, by: Self.rowsAtOnce) {
      let rows = start..<min(start + Self.rowsAtOnce, features.count)
      write(rows, to: first)
      for other in stride(from: start, to: features.count, by: Self.rowsAtOnce) {
        try Interruption.check()
        let columns = other..<min(other + Self.rowsAtOnce, features.count)
        write(columns, to: second)
        try multiply(rows.count, columns.count)
        join(rows, columns, &roots)
      }
      try progress("near images", rows.upperBound, features.count)
    }
    return roots.indices.map { root(of: $0, &roots) }
  }

  private func write(_ rows: Range<Int>, to place: Buffer) {
    writeUnitRows(
      features.start, norms, from: rows.lowerBound, count: rows.count, width: features.width, to: place.pointer)
  }

  private func multiply(_ rows: Int, _ columns: Int) throws {
    let width = features.width
    try parallelProduct(
      rows, columns, width, MatrixView(first.pointer, stride: width),
      .view(MatrixView(second.pointer, stride: width, transposed: true)),
      into: MatrixOutput(scores.pointer, stride: columns))
  }

  /// Joins the pairs of a tile, each row with those behind it.
  private func join(_ rows: Range<Int>, _ columns: Range<Int>, _ roots: inout [Int]) {
    let margin = 2 * cosineError(features.width)
    let (least, sure) = (Float(threshold) - margin - Float(Self.ofEqualRows), Float(threshold) + margin)
    for row in rows {
      let cosines = scores.pointer + (row - rows.lowerBound) * columns.count
      for column in max(columns.lowerBound, row + 1)..<max(columns.upperBound, row + 1) {
        let cosine = cosines[column - columns.lowerBound]
        guard cosine >= least else { continue }
        let (one, other) = (root(of: row, &roots), root(of: column, &roots))
        if one != other, cosine > sure || exactCosine(row, column, rows) >= threshold - Self.ofEqualRows {
          roots[max(one, other)] = min(one, other)
        }
      }
    }
  }

  private func exactCosine(_ row: Int, _ column: Int, _ rows: Range<Int>) -> Double {
    unitDotProduct(
      first.pointer + (row - rows.lowerBound) * features.width, features.start + column * features.width,
      norms[column], features.width)
  }

  /// The lowest row that a row is joined to; paths are halved on the way.
  private func root(of row: Int, _ roots: inout [Int]) -> Int {
    var row = row
    while roots[row] != row {
      roots[row] = roots[roots[row]]
      row = roots[row]
    }
    return row
  }
}
