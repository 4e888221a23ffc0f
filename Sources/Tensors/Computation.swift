import Compute

/// How operations compute. It holds for everything that runs inside `Computation.$current.withValue(…)`.
public struct Computation: Sendable {
  @TaskLocal public static var current = Computation()

  /// What the operands of products are rounded to.
  public var arithmetic: Arithmetic
  /// Whether the packed form of a weight is kept for later products: worth its memory where a weight is used again
  /// before it changes.
  public var keepsPackedWeights: Bool
  /// Whether what blocks compute inside is given up and computed again for the gradient: less memory, a third more
  /// time.
  public var recomputesBlocks: Bool
  /// What training drops at random; nil: nothing, as in inference.
  public var dropoutPlan: DropoutPlan?

  public init(_ arithmetic: Arithmetic = .float32, keepsPackedWeights: Bool = false, recomputesBlocks: Bool = false) {
    self.arithmetic = arithmetic
    self.keepsPackedWeights = keepsPackedWeights
    self.recomputesBlocks = recomputesBlocks
  }

  /// How values that only products read are stored.
  public var activation: Element { arithmetic == .bfloat16 ? .bfloat16 : .float32 }
}

/// The packed form of a weight, for as long as the weight does not change.
public final class PackingSlot: Sendable {
  private let kept = ForkSafe<PackedMatrix?>(nil)

  public init() {}

  /// To be called whenever the weight's values change.
  public func forget() { kept.withLock { $0 = nil } }

  /// Wᵀ of `weight` [out, in] as a right operand.
  ///
  /// - Throws: `OutOfMemory`.
  func operand(_ weight: Tensor, _ computation: Computation) throws -> RightOperand {
    let view = transposedView(weight)
    guard computation.keepsPackedWeights, InstructionSet.hasOwnProducts else { return .view(view) }
    return try kept.withLock { kept in
      if let matrix = kept, matrix.arithmetic == computation.arithmetic { return .packed(matrix) }
      let (outWidth, inWidth) = (weight.shape[0], weight.shape[1])
      let matrix = try PackedMatrix(view, k: inWidth, n: outWidth, arithmetic: computation.arithmetic)
      kept = matrix
      return .packed(matrix)
    }
  }
}

func transposedView(_ weight: Tensor) -> MatrixView {
  MatrixView(weight.pointer, stride: weight.width, transposed: true)
}
