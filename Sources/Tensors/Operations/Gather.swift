import Compute

/// Rows of a table, one per index. A constant.
///
/// - Parameters:
///   - table: [L, C].
///   - indices: B · K row numbers.
///   - images: B.
/// - Returns: [B, K, C].
/// - Throws: `ShapeError` where an index is not a row or the indices do not divide among the images, `OutOfMemory`.
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
  return try Tensor(shape: [images, indices.count / images, width], buffer: y)
}

/// How patches lie in an image: cells of (side + gap) pixels, each holding a patch of side × side pixels at an offset of its own.
public struct PatchGrid: Sendable, Equatable {
  public let rows: Int
  public let columns: Int
  public let side: Int
  public let gap: Int

  public init(rows: Int, columns: Int, side: Int, gap: Int) {
    self.rows = rows
    self.columns = columns
    self.side = side
    self.gap = gap
  }

  public var cells: Int { rows * columns }
  /// Pixels from the top to the bottom of the grid, and from left to right.
  public var height: Int { rows * (side + gap) }
  public var width: Int { columns * (side + gap) }
}

/// Cuts patches out of images and flattens each in the order row, column, channel. A constant.
///
/// - Parameters:
///   - images: [B, H, W, channels] with H = grid.height, W = grid.width.
///   - cells: B · K cell numbers, row by row.
///   - offsets: B · L pairs (row, column) in 0 … gap, for all cells of each image; nil: all zero.
/// - Returns: [B, K, P·P·channels].
/// - Throws: `ShapeError`, `OutOfMemory`.
public func extractPatches(_ images: Tensor, grid: PatchGrid, cells: [Int32], offsets: [Int32]?) throws -> Tensor {
  try expect(4, images, "extractPatches", "images")
  let (batch, channels) = (images.shape[0], images.shape[3])
  try expect([batch, grid.height, grid.width, channels], images, "extractPatches", "images")
  guard batch > 0, cells.count % batch == 0 else {
    throw ShapeError("extractPatches", "\(cells.count) cells do not divide among \(batch) images")
  }
  if let wrong = cells.first(where: { $0 < 0 || Int($0) >= grid.cells }) {
    throw ShapeError("extractPatches", "cell \(wrong) is outside 0 ..< \(grid.cells)")
  }
  if let offsets {
    guard offsets.count == batch * grid.cells * 2 else {
      throw ShapeError("extractPatches", "\(offsets.count) offset values, wanted \(batch * grid.cells * 2)")
    }
    if let wrong = offsets.first(where: { $0 < 0 || Int($0) > grid.gap }) {
      throw ShapeError("extractPatches", "offset \(wrong) is outside 0 … \(grid.gap)")
    }
  }
  let perImage = cells.count / batch
  let (run, size) = (grid.side * channels, grid.side * grid.side * channels)
  let y = try Buffer(count: cells.count * size)
  parallelRows(cells.count, cost: size) { range in
    for index in range {
      let (image, cell) = (index / perImage, Int(cells[index]))
      let pair = 2 * (image * grid.cells + cell)
      let top = cell / grid.columns * (grid.side + grid.gap) + (offsets.map { Int($0[pair]) } ?? 0)
      let left = cell % grid.columns * (grid.side + grid.gap) + (offsets.map { Int($0[pair + 1]) } ?? 0)
      let source = images.pointer + ((image * grid.height + top) * grid.width + left) * channels
      for row in 0..<grid.side {
        (y.pointer + index * size + row * run).update(from: source + row * grid.width * channels, count: run)
      }
    }
  }
  return try Tensor(shape: [batch, perImage, size], buffer: y)
}
