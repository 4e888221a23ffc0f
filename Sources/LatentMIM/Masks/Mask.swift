import Compute

/// How patches are chosen for the online encoder.
public enum MaskRule: String, Sendable, CaseIterable {
  /// Uniform without replacement, in squares of `mask_block` patches.
  case random
  /// BEiT's rectangles, grown until enough patches are masked.
  case blockWise = "block_wise"
  /// I-JEPA's: four target blocks, and one context block without them.
  case multiBlock = "multi_block"
}

/// The cells of one image: what the online encoder sees and what is predicted, in the order drawn.
struct CellChoice {
  var visible: [Int32]
  var target: [Int32]
}

/// How cells are chosen; one for each `MaskRule`.
protocol Mask {
  /// Blocks that `target` is made of, each predicted for itself.
  var targetBlocks: Int { get }

  /// - Parameters:
  ///   - streams: random numbers of each image of the batch.
  /// - Returns: a choice for each image, all of the same sizes.
  /// - Throws: `ConfigurationError` where the grid has no room.
  func choose(_ streams: [RandomStream]) throws -> [CellChoice]
}

extension ModelConfiguration {
  var masking: any Mask {
    switch mask {
    case .random:
      RandomMask(rows: trainingRows, columns: trainingColumns, visible: numVisible, square: maskBlock)
    case .blockWise: BlockWiseMask(rows: trainingRows, columns: trainingColumns, masked: numTarget)
    case .multiBlock: MultiBlockMask(rows: trainingRows, columns: trainingColumns)
    }
  }
}

/// Squares of cells, uniform without replacement.
struct RandomMask: Mask {
  let rows: Int
  let columns: Int
  let visible: Int
  /// Side of a square, in cells; divides rows and columns.
  let square: Int

  let targetBlocks = 1

  func choose(_ streams: [RandomStream]) -> [CellChoice] {
    streams.map { stream in
      let order = stream.permutation(of: rows * columns / (square * square)).flatMap(cells)
      return CellChoice(visible: Array(order.prefix(visible)), target: Array(order.dropFirst(visible)))
    }
  }

  private func cells(ofSquare number: Int) -> [Int32] {
    let (top, left) = (number / (columns / square) * square, number % (columns / square) * square)
    return (0..<square * square).map { Int32((top + $0 / square) * columns + left + $0 % square) }
  }
}
