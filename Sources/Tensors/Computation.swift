import Compute

/// Settings of how operations compute, for everything that runs inside `Computation.$current.withValue(…)`.
public struct Computation: Sendable {
  @TaskLocal public static var current = Computation()

  /// Precision of products: the type their operands are rounded to.
  public private(set) var arithmetic: Arithmetic
  /// Whether packed weights are cached: worth the memory if a weight is used again before it changes.
  public var keepsPackedWeights: Bool
  /// Activation checkpointing: blocks keep only their inputs and recompute the rest in the backward pass. Less memory,
  /// a third more time.
  public var recomputesBlocks: Bool
  /// Dropout and stochastic depth; nil for none, as in inference.
  public var dropoutPlan: DropoutPlan?
  /// Whether blocks and projectors are to multiply eight-bit operands in their linear layers; which ones is theirs to
  /// say.
  public private(set) var quantizesBlocks = false
  /// Whether linear layers do so here, for their value and their input's gradient; a weight's gradient is none of it.
  public private(set) var isQuantized = false
  /// Precision of what targets are computed with that get no gradient; nil: that of everything.
  public var targetArithmetic: Arithmetic?

  /// - Parameter arithmetic: int8 is of the layers that ask for it by `quantizing`, and `besideInt8` of all else.
  public init(_ arithmetic: Arithmetic = .float32, keepsPackedWeights: Bool = false, recomputesBlocks: Bool = false) {
    self.arithmetic = .float32
    self.keepsPackedWeights = keepsPackedWeights
    self.recomputesBlocks = recomputesBlocks
    use(arithmetic)
  }

  private mutating func use(_ arithmetic: Arithmetic) {
    self.arithmetic = arithmetic == .int8 ? .besideInt8 : arithmetic
    (quantizesBlocks, isQuantized) = (arithmetic == .int8, false)
  }

  /// The same for targets that get no gradient: at their own precision, and with nothing dropped.
  public var ofTargets: Computation {
    var computation = self
    computation.dropoutPlan = nil
    if let targetArithmetic { computation.use(targetArithmetic) }
    return computation
  }

  /// Runs `body` with eight-bit operands in linear layers, if that is asked for.
  public static func quantizing<Result>(_ body: () throws -> Result) rethrows -> Result {
    try withQuantization(current.quantizesBlocks, body)
  }

  /// Runs `body`, which is part of a layer that quantises, without.
  public static func withoutQuantizing<Result>(_ body: () throws -> Result) rethrows -> Result {
    try withQuantization(false, body)
  }

  private static func withQuantization<Result>(_ isQuantized: Bool, _ body: () throws -> Result) rethrows -> Result {
    var computation = current
    guard computation.isQuantized != isQuantized else { return try body() }
    computation.isQuantized = isQuantized
    return try $current.withValue(computation) { try body() }
  }

  /// Of linear layers' values and their input's gradients.
  var linearArithmetic: Arithmetic { isQuantized ? .int8 : arithmetic }

  /// Element type of activations that only products read.
  public var activation: Element { arithmetic.activation }
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
      if let matrix = kept, matrix.arithmetic == computation.linearArithmetic, matrix.isReadable {
        return .packed(matrix)
      }
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
