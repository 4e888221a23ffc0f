import Tensors

/// The MLP behind an encoder, token by token: linear layers without bias, each followed by LayerNorm (ε 1e-5), GELU
/// between.
public final class Projector: Layer {
  let linears: [Linear]
  let norms: [LayerNorm]

  /// - Parameters:
  ///   - width: C, in and out.
  ///   - hidden: width between the layers.
  ///   - depth: number of linear layers, at least 1.
  /// - Throws: `ShapeError`, `OutOfMemory`.
  init(_ width: Int, hidden: Int, depth: Int) throws {
    guard depth >= 1 else { throw ShapeError("projector", "depth is \(depth), wanted at least 1") }
    let widths = [width] + Array(repeating: hidden, count: depth - 1) + [width]
    linears = try zip(widths, widths.dropFirst()).map { try Linear($0, $1, bias: false) }
    norms = try widths.dropFirst().map { try LayerNorm($0, epsilon: 1e-5) }
  }

  public var members: [Member] {
    linears.enumerated().map { .layer("linear\($0.offset)", $0.element) }
      + norms.enumerated().map { .layer("norm\($0.offset)", $0.element) }
  }

  /// [..., C] → [..., C].
  func callAsFunction(_ x: Tensor) throws -> Tensor {
    try Computation.quantizing {
      var y = x
      for (linear, norm) in zip(linears, norms).dropLast() { y = try gelu(norm.activation(linear.activation(y))) }
      guard let last = linears.last, let norm = norms.last else { return y }
      return try norm(last.activation(y))
    }
  }
}
