import Tensors

/// x·Wᵀ + b.
public final class Linear: Layer {
  let weight: Parameter
  let bias: Parameter?
  /// What is added to the weight; nil: nothing is.
  let adapter: Adapter?

  /// - Parameter loraRank: rank of what is added to the weight; 0: nothing is.
  /// - Throws: `OutOfMemory`.
  init(
    _ inWidth: Int, _ outWidth: Int, bias: Bool = true, initialization: Initialization = .xavierUniform,
    loraRank: Int = 0
  ) throws {
    weight = try Parameter([outWidth, inWidth], initialization)
    self.bias = bias ? try Parameter([outWidth], .zeros) : nil
    adapter = loraRank > 0 ? try Adapter(inWidth, outWidth, rank: loraRank) : nil
  }

  public var members: [Member] {
    [.parameter("weight", weight)] + (bias.map { [.parameter("bias", $0)] } ?? []) + (adapter?.members ?? [])
  }

  /// W, with what an adapter adds to it.
  ///
  /// - Throws: `OutOfMemory`.
  func matrix() throws -> Tensor { try adapter?.added(to: weight.tensor) ?? weight.tensor }

  /// - Throws: `OutOfMemory`.
  func parameters() throws -> LinearParameters { LinearParameters(weight: try matrix(), bias: bias?.tensor) }

  /// [..., in] → [..., out] in float32, plus `residual` of the result's shape.
  func callAsFunction(_ x: Tensor, residual: Tensor? = nil) throws -> Tensor {
    try linear(x, weight: matrix(), bias: bias?.tensor, residual: residual)
  }

  /// [..., in] → [..., out] for what reads it at the precision of products.
  func activation(_ x: Tensor) throws -> Tensor {
    try linear(x, weight: matrix(), bias: bias?.tensor, element: Computation.current.activation)
  }
}

/// Layer normalisation over the last dimension.
public final class LayerNorm: Layer {
  let weight: Parameter
  let bias: Parameter
  let epsilon: Float

  /// - Throws: `OutOfMemory`.
  init(_ width: Int, epsilon: Float = 1e-6) throws {
    weight = try Parameter([width], .ones)
    bias = try Parameter([width], .zeros)
    self.epsilon = epsilon
  }

  public var members: [Member] { [.parameter("weight", weight), .parameter("bias", bias)] }

  var parameters: NormParameters { NormParameters(weight: weight.tensor, bias: bias.tensor, epsilon: epsilon) }

  /// [..., C] → [..., C] in float32.
  func callAsFunction(_ x: Tensor) throws -> Tensor {
    try layerNorm(x, weight: weight.tensor, bias: bias.tensor, epsilon: epsilon)
  }

  /// [..., C] → [..., C] for what reads it at the precision of products.
  func activation(_ x: Tensor) throws -> Tensor {
    try layerNorm(
      x, weight: weight.tensor, bias: bias.tensor, epsilon: epsilon, element: Computation.current.activation)
  }
}
