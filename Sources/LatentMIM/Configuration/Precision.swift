import Compute
import Files
import Tensors

/// The number format that the operands of products are rounded to. Weights, the residual stream, layer norms, softmax,
/// the loss and all sums are float32 whichever it is.
public enum Precision: String, Sendable, CaseIterable {
  /// bf16 where the processor has instructions for it, float32 elsewhere.
  case auto
  case float32
  /// bfloat16, with its range of float32 and eight bits of precision. Needs AVX512-BF16.
  case bf16
  /// Eight bits, for features alone: operands of the linear layers of all blocks but the first two are quantised, each
  /// token and each output channel by a scale of its own; the rest is bf16. Needs AVX512-BF16 and AVX512-VNNI.
  case int8

  /// How to compute at this precision on this machine.
  ///
  /// - Throws: `PrecisionError` where the instruction set in use does not have what is asked for.
  public func arithmetic() throws -> Arithmetic {
    let wanted: Arithmetic =
      switch self {
      case .auto: Arithmetic.bfloat16.isAvailable ? .bfloat16 : .float32
      case .float32: .float32
      case .bf16: .bfloat16
      case .int8: .int8
      }
    guard wanted.isAvailable else { throw PrecisionError(self, InstructionSet.current) }
    return wanted
  }

  /// What `auto` stands for on this machine.
  public static func named(_ arithmetic: Arithmetic) -> Precision {
    switch arithmetic {
    case .float32: .float32
    case .bfloat16: .bf16
    case .int8: .int8
    }
  }

  /// - Throws: `ConfigurationError` for a precision that has no gradients.
  public func requireGradients() throws {
    guard self != .int8 else {
      throw ConfigurationError(
        "precision", "is 'int8', which is for features alone, wanted 'float32', 'bf16' or 'auto'")
    }
  }
}

/// A precision that the instruction set in use cannot compute with.
public struct PrecisionError: DescribedError {
  public let kind = ErrorKind.value
  public let description: String

  init(_ precision: Precision, _ set: InstructionSet) {
    let needed = precision == .int8 ? "AVX512-BF16 and AVX512-VNNI" : "AVX512-BF16"
    description =
      "precision is '\(precision.rawValue)', which needs a processor with \(needed): the instruction set in use is "
      + "'\(set.rawValue)'; wanted 'float32', or 'auto' to take what there is"
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
      let arithmetic = try arithmetic()
      var computation = Computation(
        arithmetic == .int8 ? .bfloat16 : arithmetic, keepsPackedWeights: keepsPackedWeights,
        recomputesBlocks: recomputesBlocks)
      computation.quantizesBlocks = arithmetic == .int8
      computation.dropoutPlan = dropoutPlan
      return try Computation.$current.withValue(computation) { try body() }
    }
  }
}
