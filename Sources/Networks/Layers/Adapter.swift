import Compute
import Tensors

/// A matrix of low rank that is added to a weight and trained in its place (LoRA, Hu et al. 2022): W + B·Aᵀ. It starts
/// at zero.
public final class Adapter {
  /// A, [in, rank].
  let down: Parameter
  /// B, [out, rank].
  let up: Parameter

  /// - Throws: `OutOfMemory`.
  init(_ inWidth: Int, _ outWidth: Int, rank: Int) throws {
    down = try Parameter([inWidth, rank], .normal(std: 1 / Float(inWidth).squareRoot()))
    up = try Parameter([outWidth, rank], .zeros)
  }

  static let (downName, upName) = ("lora_down", "lora_up")

  var members: [Member] { [.parameter(Self.downName, down), .parameter(Self.upName, up)] }

  /// - Parameter weight: [out, in].
  /// - Throws: `OutOfMemory`.
  func added(to weight: Tensor) throws -> Tensor {
    // The sum is a weight, which is quantised once, where it is multiplied.
    try Computation.withoutQuantizing { try linear(up.tensor, weight: down.tensor, residual: weight) }
  }
}

extension Layer {
  /// The parameters with what adapters add to weights taken in, and adapters left out.
  ///
  /// - Throws: `OutOfMemory`.
  public func mergedParameters(prefix: String = "") throws -> [(name: String, tensor: Tensor)] {
    let all = namedParameters(prefix: prefix)
    let tensors = Dictionary(
      all.map { ($0.name, $0.parameter.tensor.detached) }, uniquingKeysWith: { first, _ in first })
    return try all.filter { !isAdapter($0.name) }.map { named in
      let tensor = named.parameter.tensor.detached
      let layer = named.name.dropLast("weight".count)
      guard let down = tensors[layer + Adapter.downName], let up = tensors[layer + Adapter.upName] else {
        return (named.name, tensor)
      }
      return (named.name, try linear(up, weight: down, residual: tensor))
    }
  }
}

/// Whether a parameter is an adapter's.
public func isAdapter(_ name: String) -> Bool {
  [Adapter.downName, Adapter.upName].contains { name.hasSuffix(".\($0)") }
}
