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
  /// Eight bits: operands of the linear layers of projectors and of all blocks are quantised, but for the
  /// MLP of an encoder's first block and the first layer of its second one's, each token and each channel by a scale of
  /// its own; the rest, gradients of weights with it, is bf16 on processors with AVX512-BF16 and AVX512-VNNI, float32
  /// on others. Needs AVX2; weights get some seven bits where there is neither AVX512-VNNI nor AVX-VNNI.
  case int8

  /// How to compute at this precision on this machine.
  ///
  /// - Parameter option: what messages call it.
  /// - Throws: `PrecisionError` where the instruction set in use does not have what is asked for.
  public func arithmetic(option: String = "precision") throws -> Arithmetic {
    let wanted: Arithmetic =
      switch self {
      case .auto: Arithmetic.bfloat16.isAvailable ? .bfloat16 : .float32
      case .float32: .float32
      case .bf16: .bfloat16
      case .int8: .int8
      }
    guard wanted.isAvailable else { throw PrecisionError(self, option) }
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

  /// The instructions it takes.
  var needs: String { self == .int8 ? "AVX2" : "AVX512-BF16" }
}

/// A precision that the instruction set in use cannot compute with.
public struct PrecisionError: DescribedError {
  public let kind = ErrorKind.value
  public let description: String

  init(_ precision: Precision, _ option: String) {
    let other = option == "precision" ? "'auto' to take what there is" : "nothing to take that of the rest"
    description =
      "\(option) is '\(precision.rawValue)', which needs a processor with \(precision.needs): the instruction set in "
      + "use is '\(InstructionSet.current.rawValue)'; wanted 'float32', or \(other)"
  }
}

extension Precision {
  /// Runs `body` at this precision, with one instruction set from beginning to end.
  ///
  /// - Parameters:
  ///   - targets: the precision of targets that get no gradient; nil: this one.
  ///   - keepsPackedWeights: whether weights are used again before they change.
  ///   - recomputesBlocks: whether blocks are computed again for their gradient.
  ///   - dropoutPlan: what is dropped at random; nil: nothing.
  /// - Throws: `PrecisionError`, and what `body` throws.
  public func compute<Result>(
    targets: Precision? = nil, keepsPackedWeights: Bool = false, recomputesBlocks: Bool = false,
    dropoutPlan: DropoutPlan? = nil, _ body: () throws -> Result
  ) throws -> Result {
    try InstructionSet.held {
      var computation = Computation(
        try arithmetic(), keepsPackedWeights: keepsPackedWeights, recomputesBlocks: recomputesBlocks)
      computation.targetArithmetic = try targets?.arithmetic(option: "target_precision")
      computation.dropoutPlan = dropoutPlan
      return try Computation.$current.withValue(computation) { try body() }
    }
  }
}
