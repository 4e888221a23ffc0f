import Compute
import Networks
import Tensors

/// An encoder ready for use: dense features of whole images of any size.
public final class Encoder: @unchecked Sendable {
  public let configuration: ModelConfiguration
  let network: VisionTransformer
  /// What another project's encoder has in place of this project's positions; nil for this project's own.
  public let pretrained: PretrainedParts?
  /// Those that encode data sets together with this one; nil where it is alone.
  let ranks: EncodingRanks?

  /// Images of one pass: enough to keep all threads busy, little enough to answer an interruption soon; fewer where
  /// they have many patches, for memory.
  private static func imagesPerPass(_ grid: PatchGrid) -> Int { max(1, min(16, (1 << 16) / grid.cells)) }

  init(
    _ configuration: ModelConfiguration, _ network: VisionTransformer, pretrained: PretrainedParts? = nil,
    ranks: EncodingRanks? = nil
  ) {
    (self.configuration, self.network) = (configuration, network)
    (self.pretrained, self.ranks) = (pretrained, ranks)
  }

  /// Whose names its weights had: "latentmim", or a family of another project's such as "dinov2".
  public var family: String { pretrained?.family ?? PretrainedOptions.own }
  /// Whether a class token is the first of its features.
  public var hasClassToken: Bool { network.shape.hasClassToken }

  /// The features of images, in inference mode.
  ///
  /// - Parameters:
  ///   - images: [B, H, W, channels], normalised (see `normalized`); H and W fit `grid`. Positions of a grid other than
  ///     the trained one are evaluated as `scaling` says; those of another project's encoder, which are a table, are
  ///     interpolated.
  ///   - tap: where they are taken; several layers are taken in one pass.
  ///   - stride: pixels from a patch to the next, 1 … P; nil: P. Overlapping patches make a denser grid, whose
  ///     positions span what those of whole patches do (Amir et al. 2021).
  ///   - precision: what the operands of products are rounded to.
  /// - Returns: [B, N + 1, C], class token first, patches row by row; [B, N, C] where `hasClassToken` is false. Of
  ///   several layers [layers, B, …].
  /// - Throws: `ShapeError` where sizes do not fit (nearest sizes named) or the tap does not exist, `PrecisionError`,
  ///   `NonFiniteError`, `OutOfMemory`, `Interrupted`.
  public func features(
    _ images: Tensor, tap: FeatureTap = FeatureTap(), scaling: PositionScaling = .span, stride: Int? = nil,
    precision: Precision = .float32
  ) throws -> Tensor {
    let grid = try grid(of: images, stride: stride)
    let layers = try layers(tap)
    try requireFinite(images, name: "images")
    let places = try places(grid, scaling: scaling)
    let shape = [images.shape[0], featureTokens(grid), configuration.width]
    let result = try Buffer(count: layers.count * shape.reduce(1, *))
    // Attention of a block reads what is in front of it.
    let ahead = tap.part == .tokens ? 0 : 1
    try inParts(images, grid: grid, places: places, precision: precision) { first, patches, positions in
      let through = (layers.max() ?? 0) - ahead
      try network.eachLayer(
        patches, positions: positions, through: through, bias: places.bias, rotary: places.rotary
      ) { layer, tokens in
        for (index, wanted) in layers.enumerated() where wanted == layer + ahead {
          let place = result.pointer + (index * shape[0] + first) * shape[1] * shape[2]
          copyWithoutRegisters(try taken(tap, of: tokens, layer: wanted), to: place)
        }
      }
    }
    guard sumOfSquares(result.pointer, count: result.count).isFinite else {
      throw NonFiniteError(what: "features", problem: "weights are not finite, or too large")
    }
    return try Tensor(shape: (layers.count == 1 ? [] : [layers.count]) + shape, buffer: result)
  }

  /// Tokens of an image's features: those of patches, and the class token where there is one.
  public func featureTokens(_ grid: PatchGrid) -> Int { grid.cells + (hasClassToken ? 1 : 0) }

  /// The final norm of the means of images' patches, in place, where it is one of pooled features; else nothing.
  ///
  /// - Parameter pooled: rows of C numbers.
  /// - Throws: `OutOfMemory`.
  public func norm(pooled: Buffer) throws {
    guard network.shape.finalNorm == .pooled else { return }
    let width = configuration.width
    let rows = try Tensor(shape: [pooled.count / width, width], buffer: pooled)
    let normed = try Tape.pause { try network.normed(pooled: rows) }
    pooled.pointer.update(from: normed.pointer, count: pooled.count)
  }

  /// What a tap makes of the tokens that stand at a layer, [B, leading + N, C].
  private func taken(_ tap: FeatureTap, of tokens: Tensor, layer: Int) throws -> Tensor {
    if let part = tap.part.ofAttention {
      return try attentionPart(part, of: network.queriesKeysValues(tokens, block: layer))
    }
    let found = tap.normed ? try network.normed(tokens) : tokens
    return tap.projected ? try network.project(found) : found
  }

  /// Calls `visit(layer, tokens)` with what every layer gives, 0 … depth, for some images after the others. [B, leading
  /// + N, C] each.
  ///
  /// - Throws: as `features`, and what `visit` throws.
  func eachLayer(of images: Tensor, precision: Precision, visit: (Int, Tensor) throws -> Void) throws {
    let grid = try grid(of: images)
    try requireFinite(images, name: "images")
    let places = try places(grid, scaling: .span)
    try inParts(images, grid: grid, places: places, precision: precision) { _, patches, positions in
      try network.eachLayer(patches, positions: positions, bias: places.bias, rotary: places.rotary, visit: visit)
    }
  }

  /// Calls `body(first image, patches, positions)` for some images after the others, in inference mode.
  func inParts(
    _ images: Tensor, grid: PatchGrid, places: PatchPositions, precision: Precision,
    body: (Int, Tensor, Tensor) throws -> Void
  ) throws {
    let (batch, size) = (images.shape[0], images.count / max(images.shape[0], 1))
    let together = Self.imagesPerPass(grid)
    try OutOfMemory.check(for: together * grid.cells, of: Int32.self)
    // Parts of one size but for an image: OpenBLAS computes products of few rows in another way, and copies of an image
    // would have features of other last bits.
    let parts = (batch + together - 1) / together
    for number in 0..<parts {
      try Interruption.check()
      let first = batch * number / parts
      let count = batch * (number + 1) / parts - first
      let part = try Tensor(
        shape: [count] + images.shape.dropFirst(),
        values: UnsafeBufferPointer(start: images.pointer + first * size, count: count * size))
      let cells = grid.allCells(images: count)
      try precision.compute(keepsPackedWeights: true) {
        try Tape.pause {
          try body(
            first, extractPatches(part, grid: grid, cells: cells, offsets: nil),
            gatherRows(places.table, indices: cells, images: count))
        }
      }
    }
  }

  /// Copies tokens [B, leading + N, C] but those of registers, which hold nothing of a place.
  private func copyWithoutRegisters(_ tokens: Tensor, to place: UnsafeMutablePointer<Float>) {
    let (width, registers) = (configuration.width, network.shape.registers)
    guard registers > 0 else { return place.update(from: tokens.pointer, count: tokens.count) }
    let (count, first) = (tokens.shape[1], hasClassToken ? width : 0)
    let rest = (count - registers) * width - first
    for image in 0..<tokens.shape[0] {
      let (source, target) = (tokens.pointer + image * count * width, place + image * (first + rest))
      target.update(from: source, count: first)
      (target + first).update(from: source + first + registers * width, count: rest)
    }
  }
}

extension LatentMIMModel {
  /// The online encoder, sharing its weights with the model: it changes as training goes on.
  public var onlineEncoder: Encoder { Encoder(configuration, encoder) }
}
