import Compute

/// Means over square windows, cut off at the edges; the same time for every radius.
struct BoxFilter {
  let height: Int
  let width: Int
  private let radius: Int
  /// Numbers from row to row of a plane: rows are whole vectors.
  private let stride: Int
  private let scratch: Buffer

  private typealias Lanes = SIMD16<Float>

  /// - Throws: `OutOfMemory`.
  init(height: Int, width: Int, radius: Int) throws {
    (self.height, self.width, self.radius) = (height, width, min(radius, max(height, width)))
    stride = wholeVectors(width)
    scratch = try Buffer(count: height * stride)
  }

  /// Numbers of a plane, padding included.
  var planeCount: Int { height * stride }

  /// Calls `body` with each row and where it starts in a plane, in parallel.
  func eachRow(_ body: (_ row: Int, _ start: Int) -> Void) {
    parallelRows(height, cost: stride) { range in for row in range { body(row, row * stride) } }
  }

  /// Calls `body` with the place of each pixel in a plane, in parallel.
  func eachValue(_ body: (Int) -> Void) {
    eachRow { _, start in for x in 0..<width { body(start + x) } }
  }

  /// Replaces a plane by its means.
  func mean(_ plane: UnsafeMutablePointer<Float>) {
    let rows = scratch.pointer
    eachRow { _, start in meansOfRow(plane + start, rows + start) }
    parallel(stride / Lanes.scalarCount) { task in
      let first = task * Lanes.scalarCount
      meansOfColumns(rows + first, plane + first)
    }
  }

  private func meansOfRow(_ from: UnsafePointer<Float>, _ to: UnsafeMutablePointer<Float>) {
    var sum = 0.0
    for x in 0..<min(radius, width) { sum += Double(from[x]) }
    for x in 0..<width {
      if x + radius < width { sum += Double(from[x + radius]) }
      if x > radius { sum -= Double(from[x - radius - 1]) }
      to[x] = Float(sum / Double(min(x + radius, width - 1) - max(x - radius, 0) + 1))
    }
    for x in width..<stride { to[x] = 0 }
  }

  private func meansOfColumns(_ from: UnsafePointer<Float>, _ to: UnsafeMutablePointer<Float>) {
    func values(_ y: Int) -> SIMD16<Double> {
      SIMD16<Double>(UnsafeRawPointer(from + y * stride).loadUnaligned(as: Lanes.self))
    }
    var sum = SIMD16<Double>.zero
    for y in 0..<min(radius, height) { sum += values(y) }
    for y in 0..<height {
      if y + radius < height { sum += values(y + radius) }
      if y > radius { sum -= values(y - radius - 1) }
      let mean = Lanes(sum / Double(min(y + radius, height - 1) - max(y - radius, 0) + 1))
      UnsafeMutableRawPointer(to + y * stride).storeBytes(of: mean, as: Lanes.self)
    }
  }
}
