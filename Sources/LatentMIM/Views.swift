import Compute

/// Which patches the encoders see, for a batch: an ordinary value, to be sampled, looked at, changed and passed back in.
public struct Views: Sendable, Equatable {
  public var batch: Int
  /// [B, V] cell numbers (row · columns + column) the online encoder sees, in the order drawn.
  public var visible: [Int32]
  /// [B, T] cells whose latents are predicted, in the order drawn.
  public var target: [Int32]
  /// [B, L, 2] row and column offset of each cell's patch, in pixels.
  public var offsets: [Int32]

  public init(batch: Int, visible: [Int32], target: [Int32], offsets: [Int32]) {
    self.batch = batch
    self.visible = visible
    self.target = target
    self.offsets = offsets
  }

  /// Draws views. Those of an image depend on the seed, the epoch and the image's index alone.
  ///
  /// - Parameter images: indices of the images in their data set.
  /// - Throws: `ConfigurationError`.
  public static func sample(
    _ configuration: ModelConfiguration, seed: UInt64, epoch: Int = 0, images: [Int]
  ) throws -> Views {
    try configuration.validate()
    var views = Views(batch: images.count, visible: [], target: [], offsets: [])
    let cells = configuration.numPatches
    let bound = configuration.patchGap + (configuration.gapOffset == .inclusive ? 1 : 0)
    for image in images {
      let stream = RandomStream(seed: seed, purpose: .views, epoch: epoch, item: image)
      let order = stream.permutation(of: cells).map(Int32.init)
      views.visible += order.prefix(configuration.numVisible)
      views.target += order.dropFirst(configuration.numVisible)
      for draw in 0..<2 * cells {
        // With no gap the one possible offset is 0.
        let isFree = configuration.patchGap > 0
        views.offsets.append(isFree ? Int32(stream.integer(below: bound, at: cells + draw)) : 0)
      }
    }
    return views
  }

  /// - Throws: `ViewsError` where sizes, cells or offsets do not fit the configuration.
  func validate(_ configuration: ModelConfiguration) throws {
    let (cells, seen) = (configuration.numPatches, configuration.numVisible)
    guard batch > 0 else { throw ViewsError.count(name: "batch", found: batch, wanted: 1) }
    for (name, values, wanted) in [
      ("visible", visible, batch * seen), ("target", target, batch * (cells - seen)),
      ("offsets", offsets, batch * cells * 2),
    ] where values.count != wanted {
      throw ViewsError.count(name: name, found: values.count, wanted: wanted)
    }
    if let wrong = offsets.first(where: { $0 < 0 || Int($0) > configuration.patchGap }) {
      throw ViewsError.offset(Int(wrong), gap: configuration.patchGap)
    }
    for image in 0..<batch {
      var taken = [Bool](repeating: false, count: cells)
      let own =
        visible[image * seen..<(image + 1) * seen] + target[image * (cells - seen)..<(image + 1) * (cells - seen)]
      for cell in own {
        guard (0..<cells).contains(Int(cell)) else { throw ViewsError.cell(Int(cell), image: image, cells: cells) }
        guard !taken[Int(cell)] else { throw ViewsError.repeated(Int(cell), image: image) }
        taken[Int(cell)] = true
      }
    }
  }
}

/// Views that do not fit the model.
public enum ViewsError: DescribedError, Equatable {
  /// An array has the wrong number of values.
  case count(name: String, found: Int, wanted: Int)
  /// A cell number is outside the grid.
  case cell(Int, image: Int, cells: Int)
  /// A cell appears twice among the visible and target patches of an image.
  case repeated(Int, image: Int)
  /// An offset is outside the gap.
  case offset(Int, gap: Int)

  public var kind: ErrorKind { .value }

  public var description: String {
    switch self {
    case .count(let name, let found, let wanted): "views: \(name) holds \(found) values, wanted \(wanted)"
    case .cell(let cell, let image, let cells): "views: cell \(cell) of image \(image) is outside 0 ..< \(cells)"
    case .repeated(let cell, let image): "views: cell \(cell) of image \(image) is visible or target twice"
    case .offset(let offset, let gap): "views: offset \(offset) is outside 0 … \(gap)"
    }
  }
}
