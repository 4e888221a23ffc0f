import Compute

/// What can be wrong with features that shall be compared.
public enum NearestNeighborError: DescribedError, Equatable {
  /// The features are not [count, width], with `atLeast` rows and a channel.
  case features(found: Int, count: Int, width: Int, atLeast: Int)
  /// A feature is infinite or NaN.
  case notFinite(row: Int, channel: Int)
  /// Labels and features differ in number.
  case labels(found: Int, count: Int)

  public var kind: ErrorKind { .value }

  public var description: String {
    switch self {
    case .features(let found, let count, let width, let atLeast):
      "nearest neighbour: \(found) values do not make features [\(count), \(width)] with at least \(atLeast) rows and 1 channel"
    case .notFinite(let row, let channel):
      "nearest neighbour: the feature in row \(row), channel \(channel) is not finite"
    case .labels(let found, let count):
      "nearest neighbour: \(found) labels do not go with \(count) features"
    }
  }
}

/// What leave-one-out found.
public struct NearestNeighborResult: Equatable, Sendable {
  /// The fraction of rows whose nearest neighbour has their label.
  public let accuracy: Double
  /// [N], the row nearest to each row.
  public let neighbors: [Int]
}

/// Divides each row by its Euclidean norm, or by 1e-12 where that is larger (rows of zeros stay zeros).
///
/// - Parameter rows: [count, width], row-major, overwritten.
/// - Throws: `NearestNeighborError.features` when the sizes do not agree.
public func l2Normalize(_ rows: UnsafeMutableBufferPointer<Float>, count: Int, width: Int) throws {
  try check(UnsafeBufferPointer(rows), count, width, atLeast: 0)
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

/// Leave-one-out nearest neighbours by cosine, the paper's `nn` protocol: each row's neighbour is the other row (told
/// apart by index, not by content) with the largest cosine, the lowest index on ties.
///
/// - Parameters:
///   - features: [count, width], row-major, finite, at least two rows; need not be normalised.
///   - labels: [count].
/// - Throws: `NearestNeighborError`, `Interrupted`.
public func leaveOneOutNearestNeighbor(
  features: UnsafeBufferPointer<Float>, count: Int, width: Int, labels: [Int]
) throws -> NearestNeighborResult {
  try check(features, count, width, atLeast: 2)
  guard labels.count == count else { throw NearestNeighborError.labels(found: labels.count, count: count) }
  if let bad = features.firstIndex(where: { !$0.isFinite }) {
    throw NearestNeighborError.notFinite(row: bad / width, channel: bad % width)
  }
  var directions = Array(features)
  try directions.withUnsafeMutableBufferPointer { try l2Normalize($0, count: count, width: width) }
  let neighbors = try nearestOthers(directions, count: count, width: width)
  let right = neighbors.indices.count { labels[neighbors[$0]] == labels[$0] }
  return NearestNeighborResult(accuracy: Double(right) / Double(count), neighbors: neighbors)
}

/// The row with the largest dot product with each row, itself left out.
private func nearestOthers(_ rows: [Float], count: Int, width: Int) throws -> [Int] {
  let blockSize = 16
  let blocksPerStrip = 16
  let blocks = (count + blockSize - 1) / blockSize
  var nearest = [Int](repeating: 0, count: count)
  for strip in stride(from: 0, to: blocks, by: blocksPerStrip) {
    try Interruption.check()
    nearest.withUnsafeMutableBufferPointer { nearest in
      parallel(min(blocksPerStrip, blocks - strip)) { block in
        let first = (strip + block) * blockSize
        let queries = first..<min(first + blockSize, count)
        var best = [Float](repeating: -.infinity, count: queries.count)
        for row in 0..<count {
          for query in queries where query != row {
            let cosine = dotProduct(rows, query, row, width)
            if cosine > best[query - first] { (best[query - first], nearest[query]) = (cosine, row) }
          }
        }
      }
    }
  }
  return nearest
}

/// Σ a·b of two rows, summed in an order that depends on the width alone.
private func dotProduct(_ rows: [Float], _ first: Int, _ second: Int, _ width: Int) -> Float {
  typealias Lanes = SIMD16<Float>
  return rows.withUnsafeBytes { bytes in
    let (a, b) = (first * width * MemoryLayout<Float>.stride, second * width * MemoryLayout<Float>.stride)
    var sums = Lanes.zero
    let whole = width / Lanes.scalarCount * MemoryLayout<Lanes>.stride
    for offset in stride(from: 0, to: whole, by: MemoryLayout<Lanes>.stride) {
      sums +=
        bytes.loadUnaligned(fromByteOffset: a + offset, as: Lanes.self)
        * bytes.loadUnaligned(fromByteOffset: b + offset, as: Lanes.self)
    }
    var sum = sums.sum()
    for channel in (width - width % Lanes.scalarCount)..<width {
      sum += rows[first * width + channel] * rows[second * width + channel]
    }
    return sum
  }
}

private func check(_ features: UnsafeBufferPointer<Float>, _ count: Int, _ width: Int, atLeast: Int) throws {
  let (size, overflows) = count.multipliedReportingOverflow(by: width)
  guard count >= atLeast, width >= 1, !overflows, size == features.count else {
    throw NearestNeighborError.features(found: features.count, count: count, width: width, atLeast: atLeast)
  }
}
