import Compute

/// What training drops at random. Which elements and branches go follows from the stream, the place in the network and
/// the image's number: a block that is computed again drops the same, and so does a batch that is cut into other parts.
public struct DropoutPlan: Sendable {
  /// One for every step; its item is not looked at.
  public var stream: RandomStream
  /// The share of images for which a block's residual branch is left out, in 0 ..< 1.
  public var dropPath: Float
  /// The share of elements that become zero behind the projection of an attention, behind the second layer of an MLP
  /// and behind its GELU, in 0 ..< 1.
  public var dropout: Float
  /// Whether `dropPath` grows linearly, from 0 in a network's first block; else all blocks have the same.
  public var growsOverDepth: Bool
  /// The number of the first image that is computed, where a batch goes through in parts.
  public var firstImage = 0

  public init(stream: RandomStream, dropPath: Float = 0, dropout: Float = 0, growsOverDepth: Bool = false) {
    (self.stream, self.dropPath, self.dropout, self.growsOverDepth) = (stream, dropPath, dropout, growsOverDepth)
  }

  /// What is dropped of a residual branch; nil where nothing is dropped there.
  ///
  /// - Parameters:
  ///   - block: where the branch's block is.
  ///   - branch: the number of the branch in its block, 0 ..< 4.
  public func callAsFunction(_ block: BlockIndex, branch: Int) -> BranchDropout? {
    let grown = block.depth > 1 ? dropPath * Float(block.index) / Float(block.depth - 1) : 0
    let path = growsOverDepth ? grown : dropPath
    guard path != 0 || dropout != 0 else { return nil }
    return BranchDropout(
      stream: stream, item: (block.number * 4 + branch) * 4, pathRate: path, dropout: dropout, firstImage: firstImage)
  }
}

/// Where a block is: its index among the blocks of its network, and which network of a model that is.
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

/// What is dropped of one residual branch.
public struct BranchDropout: Sendable {
  let stream: RandomStream
  let item: Int
  /// The share of images that go without the branch.
  public let pathRate: Float
  let dropout: Float
  let firstImage: Int

  /// residual + what is left of the branch [B, N, C].
  ///
  /// - Throws: `ShapeError`, `OutOfMemory`.
  public func add(_ branch: Tensor, to residual: Tensor) throws -> Tensor {
    let thinned = try droppedOut(branch, of: 1)
    guard pathRate != 0 else { return try Tensors.add(residual, thinned) }
    return try addDroppingPaths(
      thinned, to: residual, rate: pathRate, stream: stream.of(item: item), firstImage: firstImage)
  }

  /// What is left of values inside the branch.
  ///
  /// - Throws: `ShapeError`, `OutOfMemory`.
  public func inside(_ x: Tensor) throws -> Tensor { try droppedOut(x, of: 2) }

  private func droppedOut(_ x: Tensor, of kind: Int) throws -> Tensor {
    guard dropout != 0 else { return x }
    return try Tensors.dropout(x, rate: dropout, stream: stream.of(item: item + kind), firstImage: firstImage)
  }
}
