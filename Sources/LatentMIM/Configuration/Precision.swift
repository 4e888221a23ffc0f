import Compute
import Tensors

/// The number format that the operands of products are rounded to. Weights, the residual stream, layer norms, softmax,
/// the loss and all sums are float32 whichever it is.
public enum Precision: String, Sendable, CaseIterable {
  /// bf16 where the processor has instructions for it, float32 elsewhere.
  case auto
  case float32
  /// bfloat16, with its range of float32 and eight bits of precision. Needs AVX512-BF16.
  case bf16

  /// How to compute at this precision on this machine.
  ///
  /// - Throws: `PrecisionError` where bf16 is asked for and the instruction set in use does not have it.
  public func arithmetic() throws -> Arithmetic {
    if self != .float32, Arithmetic.bfloat16.isAvailable { return .bfloat16 }
    guard self != .bf16 else { throw PrecisionError(InstructionSet.current) }
    return .float32
  }

  /// What `auto` stands for on this machine.
  public static func named(_ arithmetic: Arithmetic) -> Precision { arithmetic == .bfloat16 ? .bf16 : .float32 }
}

/// A precision that the instruction set in use cannot compute with.
public struct PrecisionError: DescribedError {
  public let kind = ErrorKind.value
  public let description: String

  init(_ set: InstructionSet) {
    description =
      "precision is 'bf16', which needs a processor with AVX512-BF16: the instruction set in use is '\(set.rawValue)'; "
      + "wanted 'float32', or 'auto' to take what there is"
  }
}

extension Precision {
  /// Runs `body` at this precision, with one instruction set from beginning to end.
  ///
  /// - Parameters:
  ///   - keepsPackedWeights: whether weights are used again before they change.
  ///   - recomputesBlocks: whether blocks are computed again for their gradient.
  ///   - dropoutPlan: what is dropped at random; nil: nothing.
  /// - Throws: `PrecisionError`, and what `body` throws.
  public func compute<Result>(
    keepsPackedWeights: Bool = false, recomputesBlocks: Bool = false, dropoutPlan: DropoutPlan? = nil,
    _ body: () throws -> Result
  ) throws -> Result {
    try InstructionSet.held {
      var computation = Computation(
        try arithmetic(), keepsPackedWeights: keepsPackedWeights, recomputesBlocks: recomputesBlocks)
      computation.dropoutPlan = dropoutPlan
      return try Computation.$current.withValue(computation) { try body() }
    }
  }
}
