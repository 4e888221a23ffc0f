import Compute
import Networks
import Tensors

extension Encoder {
  /// A copy with weights of its own and without the projector, to be trained further; what adapters add to weights is
  /// taken in. Stored positions and biases of attention that another project's encoder came with stay as they are.
  ///
  /// - Throws: `ShapeError`, `OutOfMemory`.
  public func trainableCopy() throws -> Encoder {
    var configuration = configuration
    (configuration.projector, configuration.loraRank) = (.none, 0)
    let copy = try network.emptyCopyWithoutProjector()
    let own = Dictionary(uniqueKeysWithValues: try network.mergedParameters())
    for named in copy.namedParameters() {
      guard let tensor = own[named.name], tensor.count == named.parameter.tensor.count else {
        throw ShapeError("copy", "\(named.name) is no parameter of this encoder")
      }
      named.parameter.tensor.pointer.update(from: tensor.pointer, count: tensor.count)
    }
    return Encoder(configuration, copy, pretrained: pretrained)
  }

  /// All parameters, under the published names.
  public var parameters: [NamedParameter] { network.namedParameters(prefix: "encoder") }

  /// The tokens behind the last block, before the final norm, recorded where a tape runs; computed as
  /// `Computation.current` says.
  ///
  /// - Parameter images: [B, H, W, channels], normalised; H and W divisible by the patch size.
  /// - Returns: [B, leading + N, C]: the class token, where there is one, and registers in front of the patches; see
  ///   `leadingTokens`.
  /// - Throws: `ShapeError`, `OutOfMemory`, `Interrupted`.
  public func trainingTokens(_ images: Tensor) throws -> Tensor {
    let grid = try grid(of: images)
    let places = try places(grid, scaling: .span)
    let cells = grid.allCells(images: images.shape[0])
    let patches = try extractPatches(images, grid: grid, cells: cells, offsets: nil)
    return try network.tokens(
      patches, positions: gatherRows(places.table, indices: cells, images: images.shape[0]), bias: places.bias, rotary: places.rotary)
  }

  /// The tokens of patches behind the final norm, computed as `Computation.current` says.
  ///
  /// - Parameter images: as for `trainingTokens`.
  /// - Returns: [B, N, C].
  /// - Throws: as `trainingTokens`.
  func patchTokens(_ images: Tensor) throws -> Tensor {
    try network.patchTokens(network.normed(trainingTokens(images)))
  }

  /// A digest of the weights, stored positions and biases included.
  func digest() throws -> String {
    var digest = Digest()
    let tables = [pretrained?.positions].compactMap { $0 } + (pretrained?.relative?.tables ?? [])
    for tensor in try network.mergedParameters().map(\.tensor) + tables {
      digest.add(UnsafeBufferPointer(start: UnsafePointer(tensor.pointer), count: tensor.count))
    }
    return digest.text
  }

  /// Bytes that the weights take, stored positions and biases included.
  var bytes: Int {
    let tables = [pretrained?.positions].compactMap { $0 } + (pretrained?.relative?.tables ?? [])
    return tables.reduce(0) { $0 + $1.buffer.bytes }
      + network.namedParameters().reduce(0) { $0 + $1.parameter.tensor.buffer.bytes }
  }

  /// Tokens in front of the patches' in `trainingTokens`.
  public var leadingTokens: Int { network.leadingTokens }

  /// The block whose parameter this is, counted from 1; 0 for what is before the first, depth + 1 for what is behind
  /// the last.
  public func layer(ofParameter name: String) -> Int {
    if name.hasPrefix("encoder.blocks.") {
      return (Int(name.dropFirst("encoder.blocks.".count).prefix { $0 != "." }) ?? 0) + 1
    }
    return [
      "encoder.cls_token", "encoder.register_tokens", "encoder.mask_token", positionTableName("encoder"),
    ].contains(name) || name.hasPrefix("encoder.embed.")
      ? 0 : configuration.depth + 1
  }
}
