import Compute

/// Divides each row by its Euclidean norm, or by 1e-12 where that is larger (rows of zeros stay zeros).
///
/// - Parameter rows: [count, width], row-major, overwritten.
/// - Throws: `ShapeError` when the sizes do not agree; `OutOfMemory`.
public func l2Normalize(_ rows: UnsafeMutableBufferPointer<Float>, count: Int, width: Int) throws {
  guard width >= 1, elementCount([count, width]) == rows.count else {
    throw ShapeError("rows", "\(rows.count) values do not make [\(count), \(width)], wanted at least one channel")
  }
  guard let start = rows.baseAddress else { return }
  let norms = try InverseNorms(start, count: count, width: width)
  writeUnitRows(start, norms, from: 0, count: count, width: width, to: start)
}

/// What rows [count, width] are multiplied with to be of length 1, in double precision.
package struct InverseNorms: @unchecked Sendable {
  private let memory: Buffer

  /// - Throws: `OutOfMemory`.
  package init(_ rows: UnsafePointer<Float>, count: Int, width: Int) throws {
    memory = try Buffer(count: 2 * count)
    let place = pointer
    parallelRows(count, cost: width) { range in
      for row in range { place[row] = 1 / norm(rows + row * width, width) }
    }
  }

  private var pointer: UnsafeMutablePointer<Double> { memory.raw.assumingMemoryBound(to: Double.self) }

  package subscript(row: Int) -> Double { pointer[row] }
}

/// Writes `count` rows from row `first` on with their length divided out; to where they lie, or elsewhere.
package func writeUnitRows(
  _ rows: UnsafePointer<Float>, _ norms: InverseNorms, from first: Int, count: Int, width: Int,
  to place: UnsafeMutablePointer<Float>
) {
  parallelRows(count, cost: width) { range in
    for row in range {
      let (from, to, inverse) = (rows + (first + row) * width, place + row * width, norms[first + row])
      for index in 0..<width { to[index] = Float(Double(from[index]) * inverse) }
    }
  }
}

/// The Euclidean norm of a row, or 1e-12 where that is larger. In double precision: squares of large or small floats
/// leave the range of floats.
private func norm(_ row: UnsafePointer<Float>, _ width: Int) -> Double {
  typealias Lanes = SIMD8<Float>
  let bytes = UnsafeRawPointer(row)
  var sums = SIMD8<Double>.zero
  let whole = width / Lanes.scalarCount
  for lane in 0..<whole {
    let values = SIMD8<Double>(bytes.loadUnaligned(fromByteOffset: lane * MemoryLayout<Lanes>.stride, as: Lanes.self))
    sums += values * values
  }
  var sum = sums.sum()
  for index in (whole * Lanes.scalarCount)..<width { sum += Double(row[index]) * Double(row[index]) }
  return max(sum.squareRoot(), 1e-12)
}
