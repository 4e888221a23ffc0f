import Compute
import Networks
import Tensors

/// Where in the encoder features are taken.
public struct FeatureTap: Sendable, Equatable {
  /// Behind which block: 0 … depth; nil: the last.
  public var layer: Int?
  /// Whether the final norm is applied.
  public var normed: Bool
  /// Whether the projector is applied, behind the norm.
  public var projected: Bool

  public init(layer: Int? = nil, normed: Bool = true, projected: Bool = false) {
    self.layer = layer
    self.normed = normed
    self.projected = projected
  }
}

/// An encoder ready for use: dense features of whole images of any size.
public final class Encoder: @unchecked Sendable {
  public let configuration: ModelConfiguration
  let network: VisionTransformer
  /// What another project's encoder has in place of this project's positions; nil for this project's own.
  public let pretrained: PretrainedParts?

  /// Images of one pass: enough to keep all threads busy, little enough to answer an interruption soon.
  private static let imagesPerPass = 16

  init(_ configuration: ModelConfiguration, _ network: VisionTransformer, pretrained: PretrainedParts? = nil) {
    self.configuration = configuration
    self.network = network
    self.pretrained = pretrained
  }

  /// Whose names its weights had: "latentmim", or a family of another project's such as "dinov2".
  public var family: String { pretrained?.family ?? PretrainedOptions.own }
  /// Whether a class token is the first of its features.
  public var hasClassToken: Bool { network.shape.hasClassToken }

  /// The features of images, in inference mode.
  ///
  /// - Parameters:
  ///   - images: [B, H, W, channels], normalised (see `normalized`); H and W divisible by the patch size. Positions of
  ///     a grid other than the trained one are evaluated as `scaling` says; those of another project's encoder, which
  ///     are a table, are interpolated.
  ///   - tap: where they are taken.
  ///   - precision: what the operands of products are rounded to.
  /// - Returns: [B, N + 1, C], class token first, patches row by row; [B, N, C] where `hasClassToken` is false.
  /// - Throws: `ShapeError` where sizes do not fit (nearest sizes named) or the tap does not exist, `PrecisionError`,
  ///   `NonFiniteError`, `OutOfMemory`, `Interrupted`.
  public func features(
    _ images: Tensor, tap: FeatureTap = FeatureTap(), scaling: PositionScaling = .span,
    precision: Precision = .float32
  ) throws -> Tensor {
    let grid = try patchGrid(of: images)
    try check(tap)
    try requireFinite(images, name: "images")
    let (batch, width) = (images.shape[0], configuration.width)
    let tokens = grid.cells + (hasClassToken ? 1 : 0)
    let places = try places(rows: grid.rows, columns: grid.columns, scaling: scaling)
    let result = try Buffer(count: batch * tokens * width)
    try inParts(images, grid: grid, places: places, precision: precision) { first, patches, positions in
      var found = try network.tokens(patches, positions: positions, layer: tap.layer, bias: places.bias, rotary: places.rotary)
      if tap.normed { found = try network.normed(found) }
      if tap.projected { found = try network.project(found) }
      copyWithoutRegisters(found, to: result.pointer + first * tokens * width)
    }
    let features = try Tensor(shape: [batch, tokens, width], buffer: result)
    guard sumOfSquares(result.pointer, count: result.count).isFinite else {
      throw NonFiniteError(what: "features", problem: "weights are not finite, or too large")
    }
    return features
  }

  /// Calls `visit(layer, tokens)` with what every layer gives, 0 … depth, for some images after the others. [B, leading
  /// + N, C] each.
  ///
  /// - Throws: as `features`, and what `visit` throws.
  func eachLayer(of images: Tensor, precision: Precision, visit: (Int, Tensor) throws -> Void) throws {
    let grid = try patchGrid(of: images)
    try requireFinite(images, name: "images")
    let places = try places(rows: grid.rows, columns: grid.columns, scaling: .span)
    try inParts(images, grid: grid, places: places, precision: precision) { _, patches, positions in
      try network.eachLayer(patches, positions: positions, bias: places.bias, rotary: places.rotary, visit: visit)
    }
  }

  /// Calls `body(first image, patches, positions)` for some images after the others, in inference mode.
  private func inParts(
    _ images: Tensor, grid: PatchGrid, places: PatchPositions, precision: Precision,
    body: (Int, Tensor, Tensor) throws -> Void
  ) throws {
    let (batch, size) = (images.shape[0], images.count / max(images.shape[0], 1))
    for first in stride(from: 0, to: batch, by: Self.imagesPerPass) {
      try Interruption.check()
      let count = min(Self.imagesPerPass, batch - first)
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

  /// - Throws: `ShapeError` where the tap asks for what this encoder does not have.
  private func check(_ tap: FeatureTap) throws {
    if let layer = tap.layer, !(0...configuration.depth).contains(layer) {
      throw ShapeError("features", "layer is \(layer), wanted 0 … \(configuration.depth)")
    }
    if tap.projected, network.projector == nil {
      throw ShapeError("features", "the projector's output was asked for, this encoder has none")
    }
    if tap.projected, !tap.normed {
      throw ShapeError("features", "the projector reads normed tokens; norm: false does not go with it")
    }
  }

  func patchGrid(of images: Tensor) throws -> PatchGrid {
    guard images.shape.count == 4, images.shape[3] == configuration.channels else {
      throw ShapeError("features", "images have shape \(images.shape), wanted [B, H, W, \(configuration.channels)]")
    }
    let side = configuration.patchSize
    for (name, length) in [("height", images.shape[1]), ("width", images.shape[2])] {
      guard length >= side, length % side == 0 else {
        let below = max(side, length / side * side)
        throw ShapeError(
          "features",
          "\(name) is \(length), not divisible by the patch size \(side): nearest are \(below) and \(below + side)")
      }
    }
    return PatchGrid(rows: images.shape[1] / side, columns: images.shape[2] / side, side: side, gap: 0)
  }
}

extension LatentMIMModel {
  /// The online encoder, sharing its weights with the model: it changes as training goes on.
  public var onlineEncoder: Encoder { Encoder(configuration, encoder) }
}
