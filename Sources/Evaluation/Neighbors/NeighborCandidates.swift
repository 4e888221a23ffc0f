import Compute
import Tensors

/// The rows that may be among the k nearest of some queries. In memory that is there from the start: in parallel
/// regions nothing is allocated.
struct NeighborCandidates: @unchecked Sendable {
  private let k: Int
  private let bank: LabelledFeatures
  private let norms: InverseNorms
  private let capacity: Int
  /// Twice the largest rounding error of a cosine.
  private let margin: Float
  private let memory: Buffer
  /// [queries], how many there are, and the rounded cosine that others must reach.
  private let counts: UnsafeMutablePointer<Int32>
  private let thresholds: UnsafeMutablePointer<Float>
  /// [queries, capacity]: row, rounded cosine, exact cosine.
  private let rows: UnsafeMutablePointer<Int32>
  private let rounded: UnsafeMutablePointer<Float>
  private let exact: UnsafeMutablePointer<Double>
  private let queries: Int

  /// - Throws: `OutOfMemory`.
  init(queries: Int, k: Int, _ bank: LabelledFeatures, _ norms: InverseNorms) throws {
    (self.k, self.bank, self.norms, self.queries) = (k, bank, norms, queries)
    margin = 2 * cosineError(bank.width)
    capacity = min(4 * k + 64, bank.count)
    let all = queries * capacity
    memory = try Buffer(count: 2 * queries + 4 * all)
    exact = memory.raw.assumingMemoryBound(to: Double.self)
    rounded = memory.pointer + 2 * all
    rows = (memory.raw + 12 * all).assumingMemoryBound(to: Int32.self)
    thresholds = memory.pointer + 4 * all
    counts = (memory.raw + 16 * all + 4 * queries).assumingMemoryBound(to: Int32.self)
  }

  /// Forgets everything.
  func clear() {
    counts.update(repeating: 0, count: queries)
    thresholds.update(repeating: -.infinity, count: queries)
  }

  /// Looks at the cosines of some rows of the bank, in order.
  ///
  /// - Parameters:
  ///   - excluded: a row that is no neighbour.
  ///   - direction: [width], the query with its length divided out.
  func take(
    _ cosines: UnsafePointer<Float>, count: Int, from start: Int, besides excluded: Int, of query: Int,
    _ direction: UnsafePointer<Float>
  ) {
    let (rows, rounded) = (rows + query * capacity, rounded + query * capacity)
    var (found, threshold) = (Int(counts[query]), thresholds[query])
    for offset in 0..<count where cosines[offset] >= threshold && start + offset != excluded {
      if found == capacity { (found, threshold) = prune(query, direction) }
      guard cosines[offset] >= threshold else { continue }
      (rows[found], rounded[found]) = (Int32(start + offset), cosines[offset])
      found += 1
    }
    (counts[query], thresholds[query]) = (Int32(found), threshold)
  }

  /// Makes room among as many candidates as fit; of more ties than fit, the k nearest so far stay.
  private func prune(_ query: Int, _ direction: UnsafePointer<Float>) -> (count: Int, threshold: Float) {
    let (kept, threshold) = dropFar(query, capacity)
    guard kept > capacity / 2 else { return (kept, threshold) }
    settle(query, kept, direction)
    return (k, threshold)
  }

  /// Drops those of `count` candidates, k or more, that cannot be among the k nearest.
  private func dropFar(_ query: Int, _ count: Int) -> (count: Int, threshold: Float) {
    let (rows, rounded) = (rows + query * capacity, rounded + query * capacity)
    // The place of exact cosines is free here: the k-th largest is found in a copy.
    let copy = UnsafeMutableRawPointer(exact + query * capacity).assumingMemoryBound(to: Float.self)
    copy.update(from: rounded, count: count)
    let threshold = kthLargest(copy, count, k) - margin
    var kept = 0
    for index in 0..<count where rounded[index] >= threshold {
      (rows[kept], rounded[kept]) = (rows[index], rounded[index])
      kept += 1
    }
    return (kept, threshold)
  }

  /// Orders `count` candidates by exact cosine, then by row; the k nearest come first.
  private func settle(_ query: Int, _ count: Int, _ direction: UnsafePointer<Float>) {
    let first = query * capacity
    let (rows, rounded, exact) = (rows + first, rounded + first, exact + first)
    for index in 0..<count {
      let (row, score) = (rows[index], rounded[index])
      let cosine = unitDotProduct(
        direction, bank.start + Int(row) * bank.width, norms[Int(row)], bank.width)
      var place = min(index, k)
      func isBehind(_ other: Int) -> Bool {
        exact[other] < cosine || (exact[other] == cosine && rows[other] > row)
      }
      if place == k {
        guard isBehind(k - 1) else { continue }
        place = k - 1
      }
      while place > 0, isBehind(place - 1) {
        (rows[place], rounded[place], exact[place]) = (rows[place - 1], rounded[place - 1], exact[place - 1])
        place -= 1
      }
      (rows[place], rounded[place], exact[place]) = (row, score, cosine)
    }
  }

  /// Writes the k nearest of a query, nearest first.
  func finish(
    _ query: Int, _ direction: UnsafePointer<Float>, rows: UnsafeMutablePointer<Int32>,
    cosines: UnsafeMutablePointer<Double>
  ) {
    settle(query, dropFar(query, Int(counts[query])).count, direction)
    rows.update(from: self.rows + query * capacity, count: k)
    cosines.update(from: exact + query * capacity, count: k)
  }
}

/// The largest rounding error of a float32 product of two rows of length 1: |error| ≤ width · 2⁻²⁴ · Σ|x·y| ≤ width ·
/// 2⁻²⁴, and that of the rows themselves.
func cosineError(_ width: Int) -> Float { Float(width + 4) * 0x1p-24 }

/// Σ a·b of a row of length 1 and a row whose length is divided out first: in double precision, and in an order that
/// depends on the width alone.
func unitDotProduct(
  _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ inverse: Double, _ width: Int
) -> Double {
  typealias Lanes = SIMD8<Float>
  let (left, right) = (UnsafeRawPointer(a), UnsafeRawPointer(b))
  var sums = SIMD8<Double>.zero
  let whole = width / Lanes.scalarCount
  for lane in 0..<whole {
    let offset = lane * MemoryLayout<Lanes>.stride
    let unit = SIMD8<Double>(right.loadUnaligned(fromByteOffset: offset, as: Lanes.self)) * inverse
    sums +=
      SIMD8<Double>(left.loadUnaligned(fromByteOffset: offset, as: Lanes.self))
      * SIMD8<Double>(SIMD8<Float>(unit))
  }
  var sum = sums.sum()
  for channel in (whole * Lanes.scalarCount)..<width {
    sum += Double(a[channel]) * Double(Float(Double(b[channel]) * inverse))
  }
  return sum
}
