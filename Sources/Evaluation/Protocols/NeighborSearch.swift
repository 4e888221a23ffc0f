import Compute

/// The nearest rows of a bank to each query, nearest first.
public struct NeighborTable: Equatable, Sendable {
  public let k: Int
  /// [queries, k], rows of the bank.
  public fileprivate(set) var rows: [Int]
  /// [queries, k], their cosines.
  public fileprivate(set) var cosines: [Double]

  /// The neighbours of one query.
  func of(_ query: Int) -> Range<Int> { query * k..<(query + 1) * k }
}

/// The `k` rows of `bank` with the largest cosine to each row of `queries`; the lowest index first where cosines are
/// equal.
///
/// Rows that may belong to the nearest are found by float32 matrix products, whose last bits depend on where a row
/// lies; those rows' cosines are then computed again, in double precision and in one order, so that copies of a row tie
/// exactly.
///
/// - Throws: `EvaluationError.neighbors` where k is not 1 … bank rows, `EvaluationError.widths`, `OutOfMemory`,
///   `Interrupted`.
public func nearestNeighbors(
  of queries: LabelledFeatures, in bank: LabelledFeatures, k: Int
) throws -> NeighborTable {
  guard 1...bank.count ~= k else { throw EvaluationError.neighbors(k: k, bank: bank.count) }
  guard bank.width == queries.width else { throw EvaluationError.widths(train: bank.width, test: queries.width) }
  let (sought, held) = try (queries.directions(), bank.directions())
  let width = bank.width
  let scores = try Buffer(count: queriesAtOnce * min(bankRowsAtOnce, bank.count))
  var table = NeighborTable(
    k: k, rows: Array(repeating: 0, count: queries.count * k), cosines: Array(repeating: 0, count: queries.count * k))
  for first in stride(from: 0, to: queries.count, by: queriesAtOnce) {
    let count = min(queriesAtOnce, queries.count - first)
    var found = Array(repeating: NeighborCandidates(k: k, width: width), count: count)
    for start in stride(from: 0, to: bank.count, by: bankRowsAtOnce) {
      try Interruption.check()
      let columns = min(bankRowsAtOnce, bank.count - start)
      try parallelProduct(
        count, columns, width, MatrixView(sought.pointer + first * width, stride: width),
        .view(MatrixView(held.pointer + start * width, stride: width, transposed: true)),
        into: MatrixOutput(scores.pointer, stride: columns))
      found.withUnsafeMutableBufferPointer { found in
        parallel(count) { query in
          found[query].take(UnsafeBufferPointer(start: scores.pointer + query * columns, count: columns), from: start)
        }
      }
    }
    try Interruption.check()
    table.fill(from: found, firstQuery: first, sought, held, width: width)
  }
  return table
}

private let queriesAtOnce = 128
private let bankRowsAtOnce = 4096

extension NeighborTable {
  /// Orders what was found for queries `firstQuery` … by exact cosine, then by row.
  fileprivate mutating func fill(
    from found: [NeighborCandidates], firstQuery: Int, _ queries: Buffer, _ bank: Buffer, width: Int
  ) {
    let k = k
    rows.withUnsafeMutableBufferPointer { rows in
      cosines.withUnsafeMutableBufferPointer { cosines in
        parallel(found.count) { index in
          let query = queries.pointer + (firstQuery + index) * width
          let exact = found[index].rows.map { row in
            (cosine: doubleDotProduct(query, bank.pointer + row * width, width), row: row)
          }
          let nearest = exact.sorted { ($1.cosine, $0.row) < ($0.cosine, $1.row) }
          for place in 0..<k {
            rows[(firstQuery + index) * k + place] = nearest[place].row
            cosines[(firstQuery + index) * k + place] = nearest[place].cosine
          }
        }
      }
    }
  }
}

/// The rows that may be among the k nearest of one query, by rounded cosines.
private struct NeighborCandidates {
  private let k: Int
  /// Twice the largest rounding error of a product of two rows of length 1: |error| ≤ width · 2⁻²⁴ · Σ|x·y| ≤ width ·
  /// 2⁻²⁴.
  private let margin: Float
  private var candidates: [(cosine: Float, row: Int)] = []
  private var threshold = -Float.infinity
  private var limit: Int

  init(k: Int, width: Int) {
    self.k = k
    margin = 2 * Float(width + 4) * 0x1p-24
    limit = 4 * k + 64
  }

  var rows: [Int] { candidates.map(\.row) }

  mutating func take(_ cosines: UnsafeBufferPointer<Float>, from start: Int) {
    for (offset, cosine) in cosines.enumerated() where cosine >= threshold {
      candidates.append((cosine, start + offset))
      if candidates.count >= limit { prune() }
    }
  }

  private mutating func prune() {
    let sorted = candidates.map(\.cosine).sorted(by: >)
    threshold = sorted[k - 1] - margin
    let kept = threshold
    candidates.removeAll { $0.cosine < kept }
    limit = max(4 * k + 64, 2 * candidates.count)
  }
}

/// Σ a·b of two rows, in double precision and in an order that depends on the width alone.
private func doubleDotProduct(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ width: Int) -> Double {
  typealias Lanes = SIMD8<Float>
  let (left, right) = (UnsafeRawPointer(a), UnsafeRawPointer(b))
  var sums = SIMD8<Double>.zero
  let whole = width / Lanes.scalarCount
  for lane in 0..<whole {
    let offset = lane * MemoryLayout<Lanes>.stride
    sums +=
      SIMD8<Double>(left.loadUnaligned(fromByteOffset: offset, as: Lanes.self))
      * SIMD8<Double>(right.loadUnaligned(fromByteOffset: offset, as: Lanes.self))
  }
  var sum = sums.sum()
  for channel in (whole * Lanes.scalarCount)..<width { sum += Double(a[channel]) * Double(b[channel]) }
  return sum
}
