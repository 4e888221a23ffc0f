import CKernels
import Compute

/// Rows of a table, one per index.
///
/// - Parameters:
///   - table: [L, C].
///   - indices: B · K row numbers.
///   - images: B.
/// - Returns: [B, K, C].
/// - Throws: `ShapeError` if an index is not a row or the indices do not divide evenly among the images, `OutOfMemory`.
public func gatherRows(_ table: Tensor, indices: [Int32], images: Int) throws -> Tensor {
  try expect(2, table, "gatherRows", "table")
  let (count, width) = (table.shape[0], table.width)
  guard images > 0, indices.count % images == 0 else {
    throw ShapeError("gatherRows", "\(indices.count) indices do not divide among \(images) images")
  }
  if let wrong = indices.first(where: { $0 < 0 || Int($0) >= count }) {
    throw ShapeError("gatherRows", "index \(wrong) is outside 0 ..< \(count)")
  }
  let y = try Buffer(count: indices.count * width)
  parallelRows(indices.count, cost: width) { range in
    for row in range { (y.pointer + row * width).update(from: table.pointer + Int(indices[row]) * width, count: width) }
  }
  let dTable = table.gradient
  return recorded(shape: [images, indices.count / images, width], buffer: y, inputs: [table]) { dy in
    let uses = RowUses(of: indices, rows: count)
    let contribution = try Buffer(count: count * width, repeating: 0)
    parallelRows(count, cost: width) { range in
      for row in range {
        for use in uses.starts[row]..<uses.starts[row + 1] {
          lmk_add_scaled(width, 1, dy.pointer + uses.places[use] * width, contribution.pointer + row * width)
        }
      }
    }
    try dTable?.add(contribution)
  }
}

/// The inverse of a gather, in CSR form: row r was gathered to places[starts[r] ..< starts[r + 1]], in ascending order.
private struct RowUses {
  private(set) var starts: [Int]
  private(set) var places: [Int]

  init(of indices: [Int32], rows: Int) {
    starts = [Int](repeating: 0, count: rows + 1)
    for index in indices { starts[Int(index) + 1] += 1 }
    for row in 0..<rows { starts[row + 1] += starts[row] }
    var next = starts
    places = [Int](repeating: 0, count: indices.count)
    for (place, index) in indices.enumerated() {
      places[next[Int(index)]] = place
      next[Int(index)] += 1
    }
  }
}

/// Selected tokens of every image.
///
/// - Parameters:
///   - x: [B, N, C].
///   - indices: B · K token numbers in 0 ..< N; repetitions are allowed.
/// - Returns: [B, K, C].
/// - Throws: `ShapeError`, `OutOfMemory`.
public func selectTokens(_ x: Tensor, indices: [Int32]) throws -> Tensor {
  try expect(3, x, "selectTokens", "x")
  let (images, tokens) = (x.shape[0], x.shape[1])
  guard images > 0, indices.count % images == 0 else {
    throw ShapeError("selectTokens", "\(indices.count) indices do not divide among \(images) images")
  }
  if let wrong = indices.first(where: { $0 < 0 || Int($0) >= tokens }) {
    throw ShapeError("selectTokens", "index \(wrong) is outside 0 ..< \(tokens)")
  }
  let perImage = indices.count / images
  let rows = indices.enumerated().map { Int32($0 / max(perImage, 1) * tokens) + $1 }
  return try gatherRows(x.reshaped([images * tokens, x.width]), indices: rows, images: images)
}

/// Repeats every image `times` times, the copies adjacent: for predictions of several blocks from one context.
///
/// - Parameter x: [B, N, C].
/// - Returns: [B · times, N, C].
/// - Throws: `ShapeError`, `OutOfMemory`.
public func repeatImages(_ x: Tensor, times: Int) throws -> Tensor {
  try expect(3, x, "repeatImages", "x")
  let (images, tokens) = (x.shape[0], x.shape[1])
  guard times > 0 else { throw ShapeError("repeatImages", "times is \(times), wanted at least 1") }
  guard times > 1 else { return x }
  let rows = (0..<images * times).flatMap { place in (0..<tokens).map { Int32(place / times * tokens + $0) } }
  return try gatherRows(x.reshaped([images * tokens, x.width]), indices: rows, images: images * times)
}
