import Tensors

/// MoCo v3's predictor: Linear, BatchNorm, ReLU, Linear, BatchNorm without parameters; linears without bias, statistics
/// of the batch.
public final class ContrastPredictor: Layer {
  let linears: [Linear]
  /// Scale and shift of the first BatchNorm: named as a norm, so they do not decay.
  let norm: LayerNorm

  private static let epsilon: Float = 1e-5

  /// - Parameters:
  ///   - width: C, in and out.
  ///   - hidden: width between the layers.
  /// - Throws: `OutOfMemory`.
  public init(_ width: Int, hidden: Int) throws {
    linears = [try Linear(width, hidden, bias: false), try Linear(hidden, width, bias: false)]
    norm = try LayerNorm(hidden)
  }

  public var members: [Member] {
    [.layer("linear0", linears[0]), .layer("norm0", norm), .layer("linear1", linears[1])]
  }

  /// [B, C] → [B, C].
  public func callAsFunction(_ x: Tensor) throws -> Tensor {
    let inside = try batchNorm(linears[0](x), epsilon: Self.epsilon)
    let active = try scaledReLU(inside, weight: norm.weight.tensor, bias: norm.bias.tensor)
    return try batchNorm(linears[1](active), epsilon: Self.epsilon)
  }
}
