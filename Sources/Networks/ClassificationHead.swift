import Compute
import Tensors

/// LayerNorm and a linear classifier on pooled tokens; the classifier's weights start almost at zero.
public final class ClassificationHead: Layer {
  let norm: LayerNorm
  let linear: Linear

  /// - Parameter initStd: standard deviation of the first weights. Truncation at ±2 would lie so far out that no draw
  ///   meets it.
  /// - Throws: `ShapeError`, `OutOfMemory`.
  public init(width: Int, classes: Int, initStd: Float = 2e-5) throws {
    norm = try LayerNorm(width)
    linear = try Linear(width, classes, initialization: .normal(std: initStd))
  }

  public var members: [Member] { [.layer("norm", norm), .layer("linear", linear)] }

  /// [B, C] → logits [B, classes].
  ///
  /// - Throws: `ShapeError`, `OutOfMemory`.
  public func callAsFunction(_ pooled: Tensor) throws -> Tensor { try linear(norm.activation(pooled)) }
}
