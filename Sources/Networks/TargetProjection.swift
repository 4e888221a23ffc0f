import Tensors

/// A matrix that projects patches and is never trained.
public final class TargetProjection: Layer {
  private let proj: Linear

  /// - Throws: `OutOfMemory`.
  public init(_ patchCount: Int, _ width: Int) throws {
    proj = try Linear(patchCount, width, bias: false)
    proj.weight.freeze()
  }

  public var members: [Member] { [.layer("proj", proj)] }

  /// [B, N, P·P·channels] → [B, N, C].
  public func callAsFunction(_ patches: Tensor) throws -> Tensor { try proj(patches) }
}
