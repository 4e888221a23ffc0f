import Compute

/// The grid of patches of an image: square cells of (side + gap) pixels, each with a patch of side × side pixels at its
/// own offset within the cell. The image may extend beyond the last cells. A negative gap makes patches overlap.
public struct PatchGrid: Sendable, Equatable {
  public let rows: Int
  public let columns: Int
  public let side: Int
  public let gap: Int

  /// The image, in pixels.
  public let height: Int
  public let width: Int

  /// - Parameters:
  ///   - height, width: of the image in pixels; nil: the size of the grid.
  public init(rows: Int, columns: Int, side: Int, gap: Int, height: Int? = nil, width: Int? = nil) {
    self.rows = rows
    self.columns = columns
    self.side = side
    self.gap = gap
    self.height = max(height ?? 0, rows * (side + gap))
    self.width = max(width ?? 0, columns * (side + gap))
  }

  public var cells: Int { rows * columns }

  /// The numbers of all cells in row-major order, repeated for each image.
  public func allCells(images: Int) -> [Int32] {
    (0..<images).flatMap { _ in (0..<Int32(cells)) }
  }
}

/// Cuts patches out of images and flattens each in the order row, column, channel. No gradient flows through it.
///
/// - Parameters:
///   - images: [B, H, W, channels] with H = grid.height, W = grid.width.
///   - cells: B · K cell numbers, counted row by row.
///   - offsets: B · L pairs (row, column) in 0 … gap pixels, for all cells of each image; nil: all zero.
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
