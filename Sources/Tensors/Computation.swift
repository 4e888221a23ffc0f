import Compute

/// Settings of how operations compute, for everything that runs inside `Computation.$current.withValue(…)`.
public struct Computation: Sendable {
  @TaskLocal public static var current = Computation()

  /// Precision of products: the type their operands are rounded to.
  public var arithmetic: Arithmetic
  /// Whether packed weights are cached: worth the memory if a weight is used again before it changes.
  public var keepsPackedWeights: Bool
  /// Activation checkpointing: blocks keep only their inputs and recompute the rest in the backward pass. Less memory,
  /// a third more time.
  public var recomputesBlocks: Bool
  /// Dropout and stochastic depth; nil for none, as in inference.
  public var dropoutPlan: DropoutPlan?
  /// Whether blocks are to multiply eight-bit operands in their linear layers, forwards; which ones is theirs to say.
  public var quantizesBlocks = false
  /// Whether linear layers do so here.
  public var isQuantized = false

  public init(_ arithmetic: Arithmetic = .float32, keepsPackedWeights: Bool = false, recomputesBlocks: Bool = false) {
    self.arithmetic = arithmetic
    self.keepsPackedWeights = keepsPackedWeights
    self.recomputesBlocks = recomputesBlocks
  }

  /// Of linear layers, forwards.
  var linearArithmetic: Arithmetic { isQuantized ? .int8 : arithmetic }

  /// Element type of activations that only products read.
  public var activation: Element { arithmetic == .bfloat16 ? .bfloat16 : .float32 }
}

/// Caches the packed form of a weight until the weight changes.
public final class PackingSlot: Sendable {
  private let kept = ForkSafe<PackedMatrix?>(nil)

  public init() {}

  /// Call this whenever the weight's values change.
  public func forget() { kept.withLock { $0 = nil } }

  /// Wᵀ of `weight` [out, in] as a right operand.
  ///
  /// - Throws: `OutOfMemory`.
  func operand(_ weight: Tensor, _ computation: Computation) throws -> RightOperand {
    let view = transposedView(weight)
    guard computation.keepsPackedWeights, InstructionSet.hasOwnProducts else { return .view(view) }
    return try kept.withLock { kept in
      if let matrix = kept, matrix.arithmetic == computation.linearArithmetic { return .packed(matrix) }
      let (outWidth, inWidth) = (weight.shape[0], weight.shape[1])
      let matrix = try PackedMatrix(view, k: inWidth, n: outWidth, arithmetic: computation.linearArithmetic)
      kept = matrix
      return .packed(matrix)
    }
  }
}

func transposedView(_ weight: Tensor) -> MatrixView {
  MatrixView(weight.pointer, stride: weight.width, transposed: true)
}
