import Files
import Compute
import Glibc

/// I-JEPA's masks: four target blocks of one size, which may overlap, and a context block without their cells. Sizes
/// are drawn once for a batch, places for each image; contexts are cut at random to the smallest of the batch.
struct MultiBlockMask: Mask {
  let rows: Int
  let columns: Int

  let targetBlocks = 4

  private static let targetShare = 0.15...0.2
  private static let targetRatio = 0.75...1.5
  private static let contextShare = 0.85...1.0
  /// Cells that a context has at least, and how often places are drawn for it.
  private static let leastContext = 10
  private static let tries = 1000

  private struct Block {
    let height: Int
    let width: Int
  }

  func choose(_ streams: [RandomStream]) throws -> [CellChoice] {
    guard let first = streams.first else { return [] }
    let target = block(
      share: first.number(in: Self.targetShare, at: 0), ratio: first.number(in: Self.targetRatio, at: 1))
    let context = block(share: first.number(in: Self.contextShare, at: 2), ratio: 1)
    var choices = try streams.map { try choose($0, target, context) }
    let fewest = choices.map(\.visible.count).min() ?? 0
    for (index, stream) in streams.enumerated() {
      let seen = choices[index].visible
      let kept = stream.permutation(of: seen.count).prefix(fewest).sorted()
      choices[index].visible = kept.map { seen[$0] }
    }
    return choices
  }

  private func choose(_ stream: RandomStream, _ target: Block, _ context: Block) throws -> CellChoice {
    for attempt in 0..<Self.tries {
      let draw = 3 + attempt * 2 * (targetBlocks + 1)
      let targets = (0..<targetBlocks).flatMap { cells(target, stream, at: draw + 2 * $0) }
      let taken = Set(targets)
      let visible = cells(context, stream, at: draw + 2 * targetBlocks).filter { !taken.contains($0) }
      if visible.count >= Self.leastContext { return CellChoice(visible: visible, target: targets) }
    }
    throw ConfigurationError(
      "mask", "is 'multi_block': the grid [\(rows), \(columns)] leaves no context of \(Self.leastContext) cells")
  }

  /// A block of about `share` of the cells, `ratio` times as high as wide.
  private func block(share: Double, ratio: Double) -> Block {
    let area = (Double(rows * columns) * share).rounded(.down)
    func side(_ length: Double, below limit: Int) -> Int { min(max(Int(length.rounded()), 1), limit - 1) }
    return Block(
      height: side((area * ratio).squareRoot(), below: rows), width: side((area / ratio).squareRoot(), below: columns))
  }

  /// The cells of a block at a random place, row by row.
  private func cells(_ block: Block, _ stream: RandomStream, at draw: Int) -> [Int32] {
    let top = stream.integer(below: rows - block.height + 1, at: draw)
    let left = stream.integer(below: columns - block.width + 1, at: draw + 1)
    return (0..<block.height * block.width).map {
      Int32((top + $0 / block.width) * columns + left + $0 % block.width)
    }
  }
}

extension RandomStream {
  fileprivate func number(in range: ClosedRange<Double>, at position: Int) -> Double {
    range.lowerBound + Double(uniform(at: position)) * (range.upperBound - range.lowerBound)
  }
}
