import Compute
import Networks
import Tensors

extension Encoder {
  /// Tokens of an image as attention sees them: the class token, where there is one, registers, and patches.
  public func attendedTokens(_ grid: PatchGrid) -> Int { leadingTokens + grid.cells }

  /// The weights by which a block's attention mixes tokens: of each image, head and query a row of sum 1 over all
  /// tokens.
  ///
  /// - Parameters:
  ///   - images: [B, H, W, channels], normalised, as for `features`.
  ///   - layer: which block's, 1 … depth; nil: the last.
  ///   - queries: numbers of the tokens whose rows are wanted, 0 the first of `attendedTokens`; nil: all. Only what is
  ///     wanted is computed.
  ///   - scaling, stride, precision: as for `features`.
  ///   - weights: written, [B, heads, queries, tokens].
  /// - Throws: `ShapeError`, `PrecisionError`, `NonFiniteError`, `OutOfMemory`, `Interrupted`.
  public func attention(
    _ images: Tensor, layer: Int? = nil, queries: [Int32]? = nil, scaling: PositionScaling = .span,
    stride: Int? = nil, precision: Precision = .float32, into weights: UnsafeMutablePointer<Float>
  ) throws {
    let grid = try grid(of: images, stride: stride)
    let block = layer ?? configuration.depth
    guard 1...max(configuration.depth, 1) ~= block else {
      throw ShapeError("attention", "layer is \(block), wanted 1 … \(configuration.depth): a block's attention")
    }
    try requireFinite(images, name: "images")
    let places = try places(grid, scaling: scaling)
    let tokens = attendedTokens(grid)
    let perImage = configuration.heads * (queries?.count ?? tokens) * tokens
    try inParts(images, grid: grid, places: places, precision: precision) { first, patches, positions in
      let before = try network.tokens(patches, positions: positions, layer: block - 1, bias: places.bias, rotary: places.rotary)
      let part = weights + first * perImage
      try attentionWeights(
        network.queriesKeysValues(before, block: block, rotary: places.rotary), heads: configuration.heads, queries: queries,
        bias: places.bias?(block - 1), into: part)
      guard sumOfSquares(part, count: patches.shape[0] * perImage).isFinite else {
        throw NonFiniteError(what: "attention", problem: "weights are not finite, or too large")
      }
    }
  }

  /// The same, [B, heads, queries, tokens].
  ///
  /// - Throws: as above; `OutOfMemory` before anything is computed.
  public func attention(
    _ images: Tensor, layer: Int? = nil, queries: [Int32]? = nil, scaling: PositionScaling = .span,
    stride: Int? = nil, precision: Precision = .float32
  ) throws -> Tensor {
    let tokens = try attendedTokens(grid(of: images, stride: stride))
    let shape = [images.shape[0], configuration.heads, queries?.count ?? tokens, tokens]
    guard let count = elementCount(shape) else { throw OutOfMemory(bytes: .max) }
    let weights = try Buffer(count: count)
    try attention(
      images, layer: layer, queries: queries, scaling: scaling, stride: stride, precision: precision,
      into: weights.pointer)
    return try Tensor(shape: shape, buffer: weights)
  }
}
