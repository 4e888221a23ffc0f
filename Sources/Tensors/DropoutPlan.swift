import Compute

/// Dropout and stochastic depth during training. What is dropped depends only on the stream, the place in the network
/// and the image's place: it is the same when a block is recomputed, and however a batch is split.
public struct DropoutPlan: Sendable {
  /// A different one for each step; its item is ignored.
  public var stream: RandomStream
  /// Stochastic depth: the probability that an image skips a block's residual branch, in 0 ..< 1.
  public var dropPath: Float
  /// The probability of dropping an element after an attention's projection, an MLP's GELU and its second layer, in
  /// 0 ..< 1.
  public var dropout: Float
  /// Whether the rate grows linearly from 0 in a network's first block to `dropPath` in its last; else all blocks have
  /// the same.
  public var growsOverDepth: Bool
  /// The images' places in the batch, if it is computed in parts.
  public var images = ImagePlaces.from(0)

  public init(stream: RandomStream, dropPath: Float = 0, dropout: Float = 0, growsOverDepth: Bool = false) {
    (self.stream, self.dropPath, self.dropout, self.growsOverDepth) = (stream, dropPath, dropout, growsOverDepth)
  }

  /// The dropout of one residual branch; nil if nothing is dropped there.
  ///
  /// - Parameters:
  ///   - block: the block of the branch.
  ///   - branch: the number of the branch in its block, 0 ..< 4.
  public func callAsFunction(_ block: BlockIndex, branch: Int) -> BranchDropout? {
    let grown = block.depth > 1 ? dropPath * Float(block.index) / Float(block.depth - 1) : 0
    let path = growsOverDepth ? grown : dropPath
    guard path != 0 || dropout != 0 else { return nil }
    return BranchDropout(
      stream: stream, item: (block.number * 4 + branch) * 4, pathRate: path, dropout: dropout, images: images)
  }
}

/// Where images of a batch stand in it.
public enum ImagePlaces: Sendable {
  /// One after the other.
  case from(Int)
  case these([Int])

  subscript(image: Int) -> Int {
    switch self {
    case .from(let first): first + image
    case .these(let places): places[image]
    }
  }
}

/// The position of a block: its index in its network, the network's depth, and which network of the model that is.
public struct BlockIndex: Sendable {
  public let network: Int
  public let index: Int
  public let depth: Int

  /// - Parameter network: 0 for encoders, 1 for decoders.
  public init(_ index: Int, of depth: Int, network: Int = 0) {
    (self.network, self.index, self.depth) = (network, index, depth)
  }

  fileprivate var number: Int { network << 16 + index }
}

/// Dropout and stochastic depth of one residual branch.
public struct BranchDropout: Sendable {
  let stream: RandomStream
  let item: Int
  /// The probability that an image skips the branch.
  public let pathRate: Float
  let dropout: Float
  let images: ImagePlaces

  /// residual + branch, both [B, N, C], with dropout and stochastic depth applied to the branch.
  ///
  /// - Throws: `ShapeError`, `OutOfMemory`.
  public func add(_ branch: Tensor, to residual: Tensor) throws -> Tensor {
    let thinned = try droppedOut(branch, of: 1)
    guard pathRate != 0 else { return try Tensors.add(residual, thinned) }
    return try addDroppingPaths(
      thinned, to: residual, rate: pathRate, stream: stream.of(item: item), images: images)
  }

  /// Applies dropout to activations inside the branch.
  ///
  /// - Throws: `ShapeError`, `OutOfMemory`.
  public func inside(_ x: Tensor) throws -> Tensor { try droppedOut(x, of: 2) }

  private func droppedOut(_ x: Tensor, of kind: Int) throws -> Tensor {
    guard dropout != 0 else { return x }
    return try Tensors.dropout(x, rate: dropout, stream: stream.of(item: item + kind), images: images)
  }
}
