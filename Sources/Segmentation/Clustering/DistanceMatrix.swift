import CKernels
import Compute

/// Euclidean distances of N rows to each other, in double precision: both halves, so that a cluster's distances lie
/// side by side.
final class DistanceMatrix {
  private let memory: Buffer
  /// Rows and columns in use.
  private(set) var count: Int
  /// Numbers from row to row: an odd number of cache lines, so that a column is spread over all sets of a cache.
  private(set) var stride: Int

  /// Rows whose distances one task computes, and columns it computes them for at a time: these rows and a block of
  /// distances stay in L2.
  private static let rowsPerTask = 32
  private static let columnsTogether = 64
  /// Tasks between two questions whether to go on.
  private static let tasksPerStrip = 16

  private static func stride(_ count: Int) -> Int { ((count + 7) / 8 | 1) * 8 }

  /// Bytes that the distances and the rows take; nil beyond 64 bits.
  static func bytes(count: Int, width: Int) -> Int? {
    guard count < Int.max / 2 else { return nil }
    return elementCount([count, stride(count), MemoryLayout<Double>.stride]).flatMap { square in
      PaddedRows.bytes(count: count, width: width).flatMap { rows in
        let (sum, overflows) = square.addingReportingOverflow(rows)
        return overflows ? nil : sum
      }
    }
  }

  /// - Parameter features: [count, width], finite, both at least 1.
  /// - Throws: `SegmentationError.memory`, `Interrupted`.
  init(features: UnsafeBufferPointer<Float>, count: Int, width: Int) throws {
    let needed = Self.bytes(count: count, width: width)
    guard needed != nil, let memory = try? Buffer(count: 2 * count * Self.stride(count)),
      let rows = try? PaddedRows(features, count: count, width: width)
    else { throw SegmentationError.memory(count: count, bytes: needed) }
    self.memory = memory
    self.count = count
    stride = Self.stride(count)
    let tasks = (count + Self.rowsPerTask - 1) / Self.rowsPerTask
    let squares = try Buffer(count: 2 * Self.tasksPerStrip * Self.rowsPerTask * Self.columnsTogether)
    for strip in Swift.stride(from: 0, to: tasks, by: Self.tasksPerStrip) {
      try Interruption.check()
      parallel(min(Self.tasksPerStrip, tasks - strip)) { task in
        let block = squares.doubles + task * Self.rowsPerTask * Self.columnsTogether
        let first = (strip + task) * Self.rowsPerTask
        fill(first..<min(first + Self.rowsPerTask, count), rows, block)
      }
    }
  }

  /// The distances of cluster `slot`; to itself infinity.
  func row(_ slot: Int) -> UnsafeMutablePointer<Double> { memory.doubles + slot &* stride }

  /// The distances of `firsts` to themselves and to all rows behind them, and of those to them.
  private func fill(_ firsts: Range<Int>, _ rows: PaddedRows, _ block: UnsafeMutablePointer<Double>) {
    for start in Swift.stride(from: firsts.lowerBound, to: count, by: Self.columnsTogether) {
      let seconds = start..<min(start + Self.columnsTogether, count)
      for second in Swift.stride(from: seconds.lowerBound, to: seconds.upperBound, by: PaddedRows.rightRows) {
        for first in Swift.stride(from: firsts.lowerBound, to: firsts.upperBound, by: PaddedRows.leftRows) {
          let place = (first - firsts.lowerBound) * Self.columnsTogether + second - start
          lmk_squared_distances(rows.stride, rows[first], rows[second], block + place, Self.columnsTogether)
        }
      }
      store(firsts, seconds, block)
    }
    for first in firsts { row(first)[first] = .infinity }
  }

  private func store(_ firsts: Range<Int>, _ seconds: Range<Int>, _ squares: UnsafeMutablePointer<Double>) {
    for first in firsts {
      let (from, to) = (squares + (first - firsts.lowerBound) * Self.columnsTogether, row(first) + seconds.lowerBound)
      for column in 0..<seconds.count {
        from[column] = from[column].squareRoot()
        to[column] = from[column]
      }
    }
    for second in seconds {
      let (from, to) = (squares + second - seconds.lowerBound, row(second) + firsts.lowerBound)
      for index in 0..<firsts.count { to[index] = from[index &* Self.columnsTogether] }
    }
  }

  /// Drops the rows and columns that are not in `kept`, which ascends.
  func keep(_ kept: [Int]) {
    // New rows are no longer than the old ones that they come from, and lie before them.
    let newStride = Self.stride(kept.count)
    for (new, old) in kept.enumerated() {
      let (from, to) = (row(old), memory.doubles + new * newStride)
      for column in kept.indices { to[column] = from[kept[column]] }
    }
    (count, stride) = (kept.count, newStride)
  }
}

/// Rows in double precision, padded with zeros to whole vectors and whole blocks of rows.
struct PaddedRows {
  /// Rows that `lmk_squared_distances` takes on both sides.
  static let (leftRows, rightRows) = (4, 2)
  private static let lanes = 8

  private let memory: Buffer
  /// Numbers from row to row.
  let stride: Int

  private static func stride(_ width: Int) -> Int { (width + lanes - 1) / lanes * lanes }

  static func bytes(count: Int, width: Int) -> Int? {
    elementCount([count + leftRows, stride(width), MemoryLayout<Double>.stride])
  }

  /// - Throws: `OutOfMemory`.
  init(_ features: UnsafeBufferPointer<Float>, count: Int, width: Int) throws {
    stride = Self.stride(width)
    let padded = (count + Self.leftRows - 1) / Self.leftRows * Self.leftRows
    memory = try Buffer(count: 2 * padded * stride)
    memory.doubles.update(repeating: 0, count: padded * stride)
    for row in 0..<count {
      for channel in 0..<width { memory.doubles[row &* stride &+ channel] = Double(features[row &* width &+ channel]) }
    }
  }

  subscript(row: Int) -> UnsafePointer<Double> { UnsafePointer(memory.doubles + row &* stride) }

  func distance(_ first: Int, _ second: Int) -> Double {
    let (a, b) = (self[first], self[second])
    var squares = 0.0
    for channel in 0..<stride { squares += (a[channel] - b[channel]) * (a[channel] - b[channel]) }
    return squares.squareRoot()
  }
}

extension Buffer {
  /// The memory as doubles, each as long as two floats.
  var doubles: UnsafeMutablePointer<Double> { raw.assumingMemoryBound(to: Double.self) }
}
