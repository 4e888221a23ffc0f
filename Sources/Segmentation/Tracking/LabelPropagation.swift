import Compute

/// Every patch of a frame takes a weighted vote of the context patches that it is most alike to.
///
/// Similarities are computed in float32 for a tile of patches and some lines of one context frame at a time; none are
/// kept but each patch's k largest.
struct LabelPropagation: Sendable {
  let grid: LineGrid
  /// C.
  let width: Int
  let window: TrackingWindow
  let k: Int
  let keepsTies: Bool
  let temperature: Double

  init(grid: LineGrid, width: Int, _ options: TrackingOptions) {
    (self.grid, self.width) = (grid, width)
    window = TrackingWindow(options.window, options.windowShape, grid: grid)
    (k, keepsTies, temperature) = (options.k, options.keepTies, options.temperature)
  }

  /// Patches of a tile, at least a line: as many columns of a product.
  private static let tilePatches = 96
  /// Similarities held at a time, at least those of a line: they stay in L2.
  private static let mostSimilarities = 1 << 17

  private var tileLines: Int { max(Self.tilePatches / grid.length, 1) }
  private var linesTogether: Int { max(Self.mostSimilarities / (tileLines * grid.length * grid.length), 1) }

  /// The soft maps of a frame.
  ///
  /// - Parameters:
  ///   - features: [patches, C], each of length 1.
  ///   - context: at least one entry, the first with a patch within reach of every patch.
  /// - Returns: [patches, channels].
  /// - Throws: `OutOfMemory`.
  func callAsFunction(_ features: Buffer, _ context: [ContextEntry], channels: Int) throws -> Buffer {
    let result = try Buffer(count: grid.count * channels)
    let tiles = (grid.lines + tileLines - 1) / tileLines
    let (patches, most) = (tileLines * grid.length, min(linesTogether, grid.lines) * grid.length)
    let similarities = wholeVectors(most * patches)
    let product = wholeVectors(LocalProduct(most, patches, width).scratchCount)
    let votes = PatchVotes.scratchCount(patches: patches, k: k, channels: channels)
    try parallelWithScratch(tiles, scratchCount: similarities + product + votes) { tile, scratch in
      context.withUnsafeBufferPointer { context in
        let lines = tile * tileLines..<min((tile + 1) * tileLines, grid.lines)
        let votes = PatchVotes(
          scratch + similarities + product, patches: lines.count * grid.length, k: k, keepsTies: keepsTies,
          channels: channels)
        collect(votes, lines, features, context, scratch, product: scratch + similarities)
        let first = lines.lowerBound * grid.length
        for patch in 0..<lines.count * grid.length {
          votes.write(patch, temperature: temperature, context, to: result.pointer + (first + patch) * channels)
        }
      }
    }
    return result
  }

  /// Compares the patches of some lines with the whole context.
  private func collect(
    _ votes: PatchVotes, _ lines: Range<Int>, _ features: Buffer, _ context: UnsafeBufferPointer<ContextEntry>,
    _ similarities: UnsafeMutablePointer<Float>, product: UnsafeMutablePointer<Float>
  ) {
    let patches = lines.count * grid.length
    let own = MatrixView(
      features.pointer + lines.lowerBound * grid.length * width, stride: width, transposed: true)
    for entry in 0..<context.count {
      let reach = context[entry].isWindowed ? window.lines : grid.lines
      let (low, high) = (max(lines.lowerBound - reach, 0), min(lines.upperBound + reach, grid.lines))
      for first in stride(from: low, to: high, by: linesTogether) {
        let others = first..<min(first + linesTogether, high)
        let view = MatrixView(
          context[entry].frame.features.pointer + first * grid.length * width, stride: width)
        LocalProduct(others.count * grid.length, patches, width)(
          view, own, into: MatrixOutput(similarities, stride: patches), scratch: product)
        for other in others {
          scan(
            similarities + (other - first) * grid.length * patches, line: other, entry: entry, lines, votes, context)
        }
      }
    }
  }

  /// Offers what is within reach of the patches of some lines.
  ///
  /// - Parameter similarities: [length, patches], of the patches of `line`.
  private func scan(
    _ similarities: UnsafePointer<Float>, line: Int, entry: Int, _ lines: Range<Int>, _ votes: PatchVotes,
    _ context: UnsafeBufferPointer<ContextEntry>
  ) {
    let (length, stride, thresholds) = (grid.length, lines.count * grid.length, votes.thresholds)
    for target in lines {
      let reach = context[entry].isWindowed ? window.reach[abs(target - line)] : length
      guard reach >= 0 else { continue }
      let start = (target - lines.lowerBound) * length
      for place in 0..<length {
        let row = similarities + place * stride
        for patch in (start + max(place - reach, 0))...(start + min(place + reach, length - 1))
        where row[patch] >= thresholds[patch] {
          for _ in 0..<context[entry].copies {
            votes.offer(
              row[patch], of: patch, PatchVotes.Place(entry: entry, patch: line * length + place), context)
          }
        }
      }
    }
  }
}
