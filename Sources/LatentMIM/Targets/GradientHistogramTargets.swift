import Compute
import Glibc
import Tensors

/// Histograms of oriented gradients (Dalal & Triggs 2005) of the target patches, as MaskFeat predicts them (Wei et al.
/// 2022): 9 unsigned orientations, cells of 8×8 pixels, each channel for itself, each cell's histogram of length 1.
///
/// A patch's numbers lie in the order channel, orientation, cell row, cell column.
struct GradientHistogramTargets: TargetSource {
  let grid: PatchGrid

  static let orientations = 9
  static let cellSide = 8

  static func width(patchSize: Int, channels: Int) -> Int {
    let cells = patchSize / cellSide
    return channels * orientations * cells * cells
  }

  func callAsFunction(_ images: Tensor, views: Views) throws -> Targets {
    let channels = images.shape.last ?? 0
    let patches = HistogramPatches(grid: grid, channels: channels)
    let (count, perImage) = (views.target.count, views.numTarget)
    let width = Self.width(patchSize: grid.side, channels: channels)
    let result = try Buffer(count: count * width, repeating: 0)
    let imageSize = grid.height * grid.width * channels
    parallelRows(count, cost: grid.side * grid.side * channels * 8) { range in
      for index in range {
        let (image, cell) = (index / perImage, Int(views.target[index]))
        let pair = 2 * (image * grid.cells + cell)
        patches.histogram(
          of: images.pointer + image * imageSize, top: Int(views.offsets[pair]), left: Int(views.offsets[pair + 1]),
          cell: cell, into: result.pointer + index * width)
      }
    }
    return Targets(values: try Tensor(shape: [views.batch, perImage, width], buffer: result))
  }
}

/// The histograms of one patch of an image.
private struct HistogramPatches {
  let grid: PatchGrid
  let channels: Int

  private var cells: Int { grid.side / GradientHistogramTargets.cellSide }

  /// - Parameters:
  ///   - image: [H, W, channels].
  ///   - top, left: the patch's offset in its cell of the grid, in pixels.
  ///   - result: zeros, the patch's numbers.
  func histogram(
    of image: UnsafePointer<Float>, top: Int, left: Int, cell: Int, into result: UnsafeMutablePointer<Float>
  ) {
    let pitch = grid.side + grid.gap
    let (firstRow, firstColumn) = (cell / grid.columns * pitch + top, cell % grid.columns * pitch + left)
    for row in 0..<grid.side {
      for column in 0..<grid.side {
        let (r, c) = (firstRow + row, firstColumn + column)
        let (above, below) = (mirrored(r - 1, grid.height), mirrored(r + 1, grid.height))
        let (before, behind) = (mirrored(c - 1, grid.width), mirrored(c + 1, grid.width))
        for channel in 0..<channels {
          func pixel(_ row: Int, _ column: Int) -> Float { image[(row * grid.width + column) * channels + channel] }
          let dx = pixel(r, before) - pixel(r, behind)
          let dy = pixel(above, c) - pixel(below, c)
          let place = (channel * GradientHistogramTargets.orientations + orientation(dx, dy)) * cells * cells
          let side = GradientHistogramTargets.cellSide
          result[place + row / side * cells + column / side] += (dx * dx + dy * dy).squareRoot()
        }
      }
    }
    normalize(result)
  }

  /// The bin of a gradient's direction, opposite ones in the same.
  private func orientation(_ dx: Float, _ dy: Float) -> Int {
    let bins = GradientHistogramTargets.orientations
    let bin = Int((atan2(Double(dx), Double(dy)) / .pi * Double(bins)).rounded(.down))
    return (bin % bins + bins) % bins
  }

  /// Every cell's histogram to length 1.
  private func normalize(_ histograms: UnsafeMutablePointer<Float>) {
    let (bins, count) = (GradientHistogramTargets.orientations, cells * cells)
    for channel in 0..<channels {
      for cell in 0..<count {
        let first = channel * bins * count + cell
        var square: Float = 0
        for bin in 0..<bins { square += histograms[first + bin * count] * histograms[first + bin * count] }
        let scale = 1 / max(square.squareRoot(), 1e-12)
        for bin in 0..<bins { histograms[first + bin * count] *= scale }
      }
    }
  }

  /// A row or column beyond the border, mirrored at it.
  private func mirrored(_ index: Int, _ count: Int) -> Int {
    index < 0 ? -index : index >= count ? 2 * count - 2 - index : index
  }
}
