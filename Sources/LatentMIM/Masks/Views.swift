import Compute

/// Which patches the encoders see, for a batch: an ordinary value, to be sampled, looked at, changed and passed back
/// in.
public struct Views: Sendable, Equatable {
  public var batch: Int
  /// [B, V] cell numbers (row · columns + column) the online encoder sees, in the order drawn.
  public var visible: [Int32]
  /// [B, T] cells whose targets are predicted, in the order drawn.
  public var target: [Int32]
  /// Blocks of equal size that the targets of an image are made of; each is predicted for itself.
  public var targetBlocks: Int
  /// [B, L, 2] row and column offset of each cell's patch, in pixels.
  public var offsets: [Int32]

  public init(batch: Int, visible: [Int32], target: [Int32], offsets: [Int32], targetBlocks: Int = 1) {
    self.batch = batch
    self.visible = visible
    self.target = target
    self.offsets = offsets
    self.targetBlocks = targetBlocks
  }

  /// V, T and L, the cells of each image.
  public var numVisible: Int { visible.count / max(batch, 1) }
  public var numTarget: Int { target.count / max(batch, 1) }
  public var numPatches: Int { offsets.count / max(2 * batch, 1) }

  /// Draws views. Those of an image depend on the seed, the epoch and the image's index alone; with `multi_block`
  /// masks, sizes also on the other images of the batch.
  ///
  /// - Parameter images: indices of the images in their data set.
  /// - Throws: `ConfigurationError`, `ViewsError.batch`, `OutOfMemory`.
  public static func sample(
    _ configuration: ModelConfiguration, seed: UInt64, epoch: Int = 0, images: [Int]
  ) throws -> Views {
    try configuration.validate()
    guard 1...mostImages ~= images.count else { throw ViewsError.batch(images.count) }
    // Cells chosen and their offsets, and arrays on the way.
    try OutOfMemory.check(bytes: images.count * (32 * configuration.numPatches + 64))
    let mask = configuration.masking
    let streams = images.map { RandomStream(seed: seed, purpose: .views, epoch: epoch, item: $0) }
    let choices = try mask.choose(streams.map { configuration.mask == .random ? $0 : $0.of(purpose: .blocks) })
    return Views(
      batch: images.count, visible: choices.flatMap(\.visible), target: choices.flatMap(\.target),
      offsets: streams.flatMap(configuration.offsets), targetBlocks: mask.targetBlocks)
  }

  /// Images of a batch; no product of sizes overflows with so many.
  private static let mostImages = 1 << 30

  /// The views of some of the images.
  func part(_ images: Range<Int>) -> Views {
    func rows(_ values: [Int32], _ width: Int) -> [Int32] {
      Array(values[images.lowerBound * width..<images.upperBound * width])
    }
    return Views(
      batch: images.count, visible: rows(visible, numVisible), target: rows(target, numTarget),
      offsets: rows(offsets, 2 * numPatches), targetBlocks: targetBlocks)
  }

  /// - Throws: `ViewsError` where sizes, cells or offsets do not fit the configuration.
  func validate(_ configuration: ModelConfiguration) throws {
    let cells = configuration.numPatches
    guard 1...Self.mostImages ~= batch else { throw ViewsError.batch(batch) }
    let isDrawn = configuration.mask == .multiBlock
    for (name, values, wanted) in [
      ("visible", visible, batch * (isDrawn ? max(numVisible, 1) : configuration.numVisible)),
      ("target", target, batch * (isDrawn ? max(numTarget, 2) : configuration.numTarget)),
      ("offsets", offsets, batch * cells * 2),
    ] where values.count != wanted {
      throw ViewsError.count(name: name, found: values.count, wanted: wanted)
    }
    guard targetBlocks > 0, numTarget % targetBlocks == 0 else {
      throw ViewsError.blocks(targetBlocks, targets: numTarget)
    }
    if let wrong = offsets.first(where: { $0 < 0 || Int($0) > configuration.patchGap }) {
      throw ViewsError.offset(Int(wrong), gap: configuration.patchGap)
    }
    for image in 0..<batch { try validate(image: image, cells: cells) }
  }

  /// No cell is visible and a target, visible twice, or a target twice in one block.
  private func validate(image: Int, cells: Int) throws {
    let seen = visible[image * numVisible..<(image + 1) * numVisible]
    let size = numTarget / targetBlocks
    for block in 0..<targetBlocks {
      var taken = [Bool](repeating: false, count: cells)
      let first = image * numTarget + block * size
      for cell in seen + target[first..<first + size] {
        guard (0..<cells).contains(Int(cell)) else { throw ViewsError.cell(Int(cell), image: image, cells: cells) }
        guard !taken[Int(cell)] else { throw ViewsError.repeated(Int(cell), image: image) }
        taken[Int(cell)] = true
      }
    }
  }
}

extension ModelConfiguration {
  /// [L, 2] offsets of an image's patches.
  fileprivate func offsets(_ stream: RandomStream) -> [Int32] {
    let bound = patchGap + (gapOffset == .inclusive ? 1 : 0)
    // With no gap the one possible offset is 0.
    guard patchGap > 0 else { return [Int32](repeating: 0, count: 2 * numPatches) }
    return (0..<2 * numPatches).map { Int32(stream.integer(below: bound, at: numPatches + $0)) }
  }
}

/// Views that do not fit the model.
public enum ViewsError: DescribedError, Equatable {
  /// There are no images, or more than any batch has.
  case batch(Int)
  /// An array has the wrong number of values.
  case count(name: String, found: Int, wanted: Int)
  /// A cell number is outside the grid.
  case cell(Int, image: Int, cells: Int)
  /// A cell appears twice among the visible and target patches of an image.
  case repeated(Int, image: Int)
  /// The targets of an image do not divide into blocks.
  case blocks(Int, targets: Int)
  /// An offset is outside the gap.
  case offset(Int, gap: Int)

  public var kind: ErrorKind { .value }

  public var description: String {
    switch self {
    case .batch(let batch): "views: the batch is \(batch) images, wanted 1 … 2³⁰"
    case .count(let name, let found, let wanted): "views: \(name) holds \(found) values, wanted \(wanted)"
    case .cell(let cell, let image, let cells): "views: cell \(cell) of image \(image) is outside 0 ..< \(cells)"
    case .repeated(let cell, let image): "views: cell \(cell) of image \(image) is visible or target twice"
    case .blocks(let blocks, let targets): "views: \(targets) targets do not divide into \(blocks) blocks"
    case .offset(let offset, let gap): "views: offset \(offset) is outside 0 … \(gap)"
    }
  }
}
