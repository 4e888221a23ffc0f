import Compute
import Glibc

/// Euclidean distances of all pairs i < j of N rows, in double precision: the upper triangle, row by row (SciPy's
/// `pdist`).
final class CondensedDistances {
  let count: Int
  private let values: UnsafeMutablePointer<Double>

  /// Rows whose distances one task computes: each row read serves that many.
  private static let rowsPerTask = 8
  /// Tasks between two questions whether to go on.
  private static let tasksPerStrip = 32

  /// - Parameter features: [count, width], finite, both at least 1.
  /// - Throws: `SegmentationError.memory`, `Interrupted`.
  init(features: UnsafeBufferPointer<Float>, count: Int, width: Int) throws {
    let (square, overflows) = count.multipliedReportingOverflow(by: count - 1)
    let (bytes, bytesOverflow) = (square / 2).multipliedReportingOverflow(by: MemoryLayout<Double>.stride)
    // Not an array: what cannot be had must give an error, not a trap.
    guard !overflows, !bytesOverflow, let memory = malloc(max(bytes, 1)) else {
      throw SegmentationError.memory(count: count)
    }
    self.count = count
    values = memory.bindMemory(to: Double.self, capacity: square / 2)
    let rows = try PaddedRows(features, count: count, width: width)
    let tasks = (count + Self.rowsPerTask - 1) / Self.rowsPerTask
    for strip in stride(from: 0, to: tasks, by: Self.tasksPerStrip) {
      try Interruption.check()
      parallel(min(Self.tasksPerStrip, tasks - strip)) { task in
        let first = (strip + task) * Self.rowsPerTask
        fill(first..<min(first + Self.rowsPerTask, count), rows)
      }
    }
  }

  deinit { free(values) }

  subscript(first: Int, second: Int) -> Double {
    get { values[position(first, second)] }
    set { values[position(first, second)] = newValue }
  }

  private func position(_ first: Int, _ second: Int) -> Int {
    let (low, high) = first < second ? (first, second) : (second, first)
    return count &* low &- low &* (low &+ 1) / 2 &+ (high &- low &- 1)
  }

  private func fill(_ firsts: Range<Int>, _ rows: PaddedRows) {
    for second in (firsts.lowerBound + 1)..<max(count, firsts.lowerBound + 1) {
      for first in firsts.lowerBound..<min(firsts.upperBound, second) {
        values[position(first, second)] = rows.squaredDistance(first, second).squareRoot()
      }
    }
  }
}

/// Rows in double precision, padded with zeros to whole vectors.
struct PaddedRows {
  private typealias Lanes = SIMD8<Double>
  private let memory: Buffer
  private let vectorsPerRow: Int

  /// - Throws: `OutOfMemory`.
  init(_ features: UnsafeBufferPointer<Float>, count: Int, width: Int) throws {
    let perRow = (width + Lanes.scalarCount - 1) / Lanes.scalarCount
    vectorsPerRow = perRow
    // Doubles, each as long as two floats.
    memory = try Buffer(count: 2 * count * perRow * Lanes.scalarCount)
    for index in 0..<(count * perRow) {
      let start = index % perRow * Lanes.scalarCount
      var lanes = Lanes.zero
      for lane in 0..<min(Lanes.scalarCount, width - start) {
        lanes[lane] = Double(features[index / perRow * width + start + lane])
      }
      vectors[index] = lanes
    }
  }

  private var vectors: UnsafeMutablePointer<SIMD8<Double>> { memory.raw.assumingMemoryBound(to: Lanes.self) }

  /// Σ (a − b)², summed in an order that depends on the width alone.
  func squaredDistance(_ first: Int, _ second: Int) -> Double {
    let (a, b) = (vectors + first &* vectorsPerRow, vectors + second &* vectorsPerRow)
    var sum = Lanes.zero
    for index in 0..<vectorsPerRow {
      let difference = a[index] - b[index]
      sum += difference * difference
    }
    return sum.sum()
  }
}
