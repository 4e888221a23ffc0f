import TestSupport
import Tensors
import Testing

@Suite struct GatherTests {
  @Test(arguments: [(1, 1, 1), (17, 3, 3), (3, 177, 1), (177, 1, 300)])
  func rowsOfATable(rows: Int, images: Int, perImage: Int) throws {
    let width = 177
    let indices = (0..<images * perImage).map { Int32($0 * 7 % rows) }
    try checkOperation(
      [[rows, width]], gives: [images, perImage, width], terms: 1,
      reference: { inputs in indices.flatMap { inputs[0][Int($0) * width..<(Int($0) + 1) * width] } },
      operation: { try gatherRows($0[0], indices: indices, images: images) })
  }

  /// Every pixel of a patch, counted from the definition of the grid.
  @Test(arguments: [
    PatchGrid(rows: 1, columns: 1, side: 1, gap: 0), PatchGrid(rows: 3, columns: 1, side: 3, gap: 1),
    PatchGrid(rows: 2, columns: 5, side: 17, gap: 4),
  ])
  func patches(grid: PatchGrid) throws {
    let (images, channels) = (3, 3)
    let cells = (0..<images * grid.cells).map { Int32(($0 * 7 + 3) % grid.cells) }
    let offsets = (0..<images * grid.cells * 2).map { Int32($0 * 5 % (grid.gap + 1)) }
    for offsets in [nil, offsets] {
      func reference(_ pixels: [Double]) -> [Double] {
        var y: [Double] = []
        for (index, cell) in cells.enumerated() {
          let (image, cell) = (index / grid.cells, Int(cell))
          for row in 0..<grid.side {
            for column in 0..<grid.side {
              let down = Int(offsets?[(image * grid.cells + cell) * 2] ?? 0)
              let right = Int(offsets?[(image * grid.cells + cell) * 2 + 1] ?? 0)
              let pixelRow = cell / grid.columns * (grid.side + grid.gap) + down + row
              let pixelColumn = cell % grid.columns * (grid.side + grid.gap) + right + column
              let place = ((image * grid.height + pixelRow) * grid.width + pixelColumn) * channels
              y += pixels[place..<place + channels]
            }
          }
        }
        return y
      }
      try checkOperation(
        [[images, grid.height, grid.width, channels]],
        gives: [images, grid.cells, grid.side * grid.side * channels], terms: 1, reference: { reference($0[0]) },
        operation: { try extractPatches($0[0], grid: grid, cells: cells, offsets: offsets) })
    }
  }

  @Test func gatherErrors() throws {
    let table = try Tensor(shape: [3, 2], values: randomValues(6, seed: 1))
    expectShapeError("gatherRows", "[6]", "2 dimensions") {
      _ = try gatherRows(table.reshaped([6]), indices: [], images: 1)
    }
    expectShapeError("gatherRows", "3 indices", "2 images") {
      _ = try gatherRows(table, indices: [0, 1, 2], images: 2)
    }
    expectShapeError("gatherRows", "0 images") { _ = try gatherRows(table, indices: [], images: 0) }
    expectShapeError("gatherRows", "index 3", "0 ..< 3") { _ = try gatherRows(table, indices: [3], images: 1) }
    expectShapeError("gatherRows", "index -1") { _ = try gatherRows(table, indices: [-1], images: 1) }
  }

  @Test func patchErrors() throws {
    let grid = PatchGrid(rows: 2, columns: 1, side: 2, gap: 1)
    let x = try Tensor(shape: [1, 6, 3, 1], values: randomValues(18, seed: 1))
    func expectError(_ parts: String, _ x: Tensor, cells: [Int32] = [0], offsets: [Int32]? = nil) {
      expectShapeError("extractPatches", parts) {
        _ = try extractPatches(x, grid: grid, cells: cells, offsets: offsets)
      }
    }
    try expectError("[18]", x.reshaped([18]))
    try expectError("[1, 3, 6, 1], wanted [1, 6, 3, 1]", x.reshaped([1, 3, 6, 1]))
    try expectError("1 cells do not divide among 0 images", Tensor(shape: [0, 6, 3, 1], values: []))
    expectError("cell 2 is outside", x, cells: [2])
    expectError("cell -1 is outside", x, cells: [-1])
    expectError("3 offset values, wanted 4", x, offsets: [0, 0, 0])
    expectError("offset 2 is outside", x, offsets: [0, 2, 0, 0])
    expectError("offset -1 is outside", x, offsets: [0, 0, -1, 0])
  }
}

@Suite struct TokenChoiceTests {
  @Test(arguments: [(1, 1, 1), (3, 17, 5), (2, 5, 40)])
  func chosenTokens(images: Int, tokens: Int, chosen: Int) throws {
    let width = 17
    let indices = (0..<images * chosen).map { Int32($0 * 7 % tokens) }
    try checkOperation(
      [[images, tokens, width]], gives: [images, chosen, width], terms: chosen,
      reference: { inputs in
        indices.enumerated().flatMap { place, index in
          let row = place / chosen * tokens + Int(index)
          return inputs[0][row * width..<(row + 1) * width]
        }
      },
      operation: { try selectTokens($0[0], indices: indices) })
  }

  @Test(arguments: [1, 3])
  func repeatedImages(times: Int) throws {
    let (images, tokens, width) = (3, 5, 17)
    let size = tokens * width
    try checkOperation(
      [[images, tokens, width]], gives: [images * times, tokens, width], terms: times,
      reference: { inputs in
        (0..<images * times).flatMap { inputs[0][$0 / times * size..<($0 / times + 1) * size] }
      },
      operation: { try repeatImages($0[0], times: times) })
  }

  @Test(arguments: [(1, 1, 1), (3, 17, 5), (2, 1, 9)])
  func joinedTokens(images: Int, first: Int, second: Int) throws {
    let width = 3
    try checkOperation(
      [[images, first, width], [images, second, width]], gives: [images, first + second, width], terms: 1,
      reference: { inputs in
        let parts = zip(Reference.rows(inputs[0], first * width), Reference.rows(inputs[1], second * width))
        return parts.flatMap { $0 + $1 }
      },
      operation: { try joinTokens($0[0], $0[1]) })
  }

  @Test(arguments: [(1, 2, 1), (3, 17, 5), (2, 5, 5)])
  func replacedTokens(images: Int, tokens: Int, masked: Int) throws {
    let width = 17
    let indices = (0..<images).flatMap { image in (0..<masked).map { Int32(($0 * 3 + image) % tokens) } }
    try checkOperation(
      [[images, tokens, width], [1, 1, width]], gives: [images, tokens, width], terms: images * masked,
      reference: { inputs in
        Reference.rows(inputs[0], width).enumerated().flatMap { row, own -> [Double] in
          let places = indices[row / tokens * masked..<(row / tokens + 1) * masked]
          return places.contains(Int32(row % tokens)) ? inputs[1] : own
        }
      },
      operation: { try replaceTokens($0[0], with: $0[1], at: indices) })
  }

  @Test func errorsNameWhatIsWrong() throws {
    let x = try Tensor(shape: [2, 3, 1], values: randomValues(6, seed: 1))
    expectShapeError("selectTokens", "3 indices", "2 images") { _ = try selectTokens(x, indices: [0, 1, 2]) }
    expectShapeError("selectTokens", "index 3", "0 ..< 3") { _ = try selectTokens(x, indices: [0, 3]) }
    expectShapeError("repeatImages", "times is 0") { _ = try repeatImages(x, times: 0) }
    expectShapeError("joinTokens", "b", "[3, 3, 1]", "[2, 3, 1]") {
      _ = try joinTokens(x, Tensor(shape: [3, 3, 1], values: randomValues(9, seed: 1)))
    }
    expectShapeError("replaceTokens", "token", "[2, 3, 1]") { _ = try replaceTokens(x, with: x, at: []) }
    let token = try Tensor(shape: [1, 1, 1], values: [1])
    expectShapeError("replaceTokens", "index -1") { _ = try replaceTokens(x, with: token, at: [0, -1]) }
  }
}
