import CKernels

/// The number of values of a shape; nil if a size is negative or the product overflows 64 bits.
public func elementCount(_ shape: [Int]) -> Int? {
  var count = 1
  for size in shape {
    let (product, overflows) = count.multipliedReportingOverflow(by: size)
    guard size >= 0, !overflows else { return nil }
    count = product
  }
  return count
}

/// `count` rounded up to whole vectors of sixteen: the stride of rows for loops without a tail.
public func wholeVectors(_ count: Int) -> Int { (count + 15) / 16 * 16 }

/// A parallel reduction over rows: `body(range, partial)` adds a chunk of rows to `partial` [width], initially zero.
/// The partial sums are then added to `sums` [width] in the order of the chunks, so that the result does not depend on
/// the number of threads.
///
/// - Throws: `OutOfMemory`.
public func addPartialSums(
  rows: Int, cost: Int, width: Int, into sums: UnsafeMutablePointer<Float>,
  _ body: (Range<Int>, UnsafeMutablePointer<Float>) -> Void
) throws {
  let chunks = RowChunks(rows: rows, cost: cost)
  let partials = try Buffer(count: chunks.count * width, repeating: 0)
  parallel(chunks.count) { body(chunks[$0], partials.pointer + $0 * width) }
  lmk_add_column_sums(chunks.count, width, partials.pointer, sums, Element.float32.code)
}

/// sums[i] += Σ_r x[r, i] for x [rows, width].
///
/// - Throws: `OutOfMemory`.
public func addColumnSums(
  _ x: UnsafeRawPointer, _ element: Element = .float32, rows: Int, width: Int, into sums: UnsafeMutablePointer<Float>
) throws {
  try addPartialSums(rows: rows, cost: width, width: width, into: sums) { rows, partial in
    lmk_add_column_sums(
      rows.count, width, x + rows.lowerBound * width * element.size, partial, element.code)
  }
}

/// means[i] = Σ_r x[r, i] / rows for x [rows, width], summed in double precision row after row.
public func columnMeans(
  _ x: UnsafeRawPointer, _ element: Element = .float32, rows: Int, width: Int, into means: UnsafeMutablePointer<Float>
) {
  lmk_column_means(rows, width, x, means, element.code)
}

/// Calls `body` for ranges of 0 ..< `count` elements, in parallel.
public func parallelElements(_ count: Int, _ body: (Range<Int>) -> Void) {
  parallelRows(count, cost: 1, body)
}

/// Σ x², in double precision, the same for any number of threads.
public func sumOfSquares(_ x: UnsafePointer<Float>, count: Int) -> Double {
  let chunks = RowChunks(rows: count, cost: 1)
  var partials = [Double](repeating: 0, count: chunks.count)
  partials.withUnsafeMutableBufferPointer { partials in
    let start = partials.baseAddress
    parallel(chunks.count) { start?[$0] = lmk_sum_of_squares(chunks[$0].count, x + chunks[$0].lowerBound) }
  }
  return partials.reduce(0, +)
}
