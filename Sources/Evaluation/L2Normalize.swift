import Compute

/// Divides each row by its Euclidean norm, or by 1e-12 where that is larger (rows of zeros stay zeros).
///
/// - Parameter rows: [count, width], row-major, overwritten.
/// - Throws: `NearestNeighborError.features` when the sizes do not agree.
public func l2Normalize(_ rows: UnsafeMutableBufferPointer<Float>, count: Int, width: Int) throws {
  let (size, overflows) = count.multipliedReportingOverflow(by: width)
  guard count >= 0, width >= 1, !overflows, size == rows.count else {
    throw NearestNeighborError.features(found: rows.count, count: count, width: width, atLeast: 0)
  }
  parallelRows(count, cost: width) { range in
    for row in range {
      // Double precision: squares of large or small floats leave the range of floats.
      var squares = 0.0
      for index in (row * width)..<((row + 1) * width) { squares += Double(rows[index]) * Double(rows[index]) }
      let norm = max(squares.squareRoot(), 1e-12)
      for index in (row * width)..<((row + 1) * width) { rows[index] = Float(Double(rows[index]) / norm) }
    }
  }
}
