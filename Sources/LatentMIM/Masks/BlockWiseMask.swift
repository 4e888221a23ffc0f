import Compute
import Glibc

/// BEiT's masks: rectangles of random size and shape are masked one after the other, until there are enough; what the
/// last one would have too many is left out, what no rectangle reaches is drawn cell by cell, so that the number is
/// exact.
struct BlockWiseMask: Mask {
  let rows: Int
  let columns: Int
  /// Cells to mask.
  let masked: Int

  let targetBlocks = 1

  /// Least share of the grid that a rectangle takes: 16 of 196.
  private static let leastShare = 16.0 / 196
  /// Sides' ratios lie between this and its inverse.
  private static let leastRatio = 0.3
  /// Rectangles that are tried before single cells are drawn.
  private static let tries = 100

  func choose(_ streams: [RandomStream]) -> [CellChoice] {
    streams.map { stream in
      let isMasked = masked(stream)
      // The order in which a mask was drawn says nothing: cells stand in the grid's.
      let cells = (0..<rows * columns).map { Int32($0) }
      return CellChoice(visible: cells.filter { !isMasked[Int($0)] }, target: cells.filter { isMasked[Int($0)] })
    }
  }

  private func masked(_ stream: RandomStream) -> [Bool] {
    var isMasked = [Bool](repeating: false, count: rows * columns)
    var left = masked
    let least = max(1, Self.leastShare * Double(rows * columns))
    for attempt in 0..<Self.tries where left > 0 {
      let draws = (0..<4).map { Double(stream.uniform(at: attempt * 4 + $0)) }
      let area = least + draws[0] * (max(Double(left), least) - least)
      let ratio = exp(log(Self.leastRatio) * (1 - 2 * draws[1]))
      let (height, width) = (Int((area * ratio).squareRoot().rounded()), Int((area / ratio).squareRoot().rounded()))
      guard (1..<rows).contains(height), (1..<columns).contains(width) else { continue }
      let top = Int(draws[2] * Double(rows - height + 1))
      let start = Int(draws[3] * Double(columns - width + 1))
      let cells = (0..<height * width).map { (top + $0 / width) * columns + start + $0 % width }
      let new = cells.filter { !isMasked[$0] }
      guard new.count <= left else { continue }
      for cell in new { isMasked[cell] = true }
      left -= new.count
    }
    for cell in stream.permutation(of: rows * columns) where left > 0 && !isMasked[cell] {
      isMasked[cell] = true
      left -= 1
    }
    return isMasked
  }
}
