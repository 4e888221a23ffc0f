import CKernels

/// The instruction sets that inner loops are built for.
public enum InstructionSet: String, Sendable, CaseIterable {
  case portable
  case avx2
  case avx512
  /// AVX-512 with the conversions and dot products of bfloat16.
  case avx512bf16
  /// That and Intel's AMX, which multiplies bfloat16.
  case amx

  private var number: Int32 {
    switch self {
    case .portable: Int32(LMK_PORTABLE)
    case .avx2: Int32(LMK_AVX2)
    case .avx512: Int32(LMK_AVX512)
    case .avx512bf16: Int32(LMK_AVX512BF16)
    case .amx: Int32(LMK_AMX)
    }
  }

  /// The one in use: the machine's best, unless another was asked for.
  public static var current: InstructionSet {
    allCases.first { $0.number == lmk_instruction_set() } ?? .portable
  }

  /// Whether products are this library's own; elsewhere they are OpenBLAS's.
  public static var hasOwnProducts: Bool { lmk_instruction_set() >= LMK_AVX512 }

  /// Whether networks may compute in bfloat16 with the one in use.
  public static var hasBFloat16: Bool { lmk_instruction_set() >= LMK_AVX512BF16 }

  /// Whether this machine has it.
  public var isAvailable: Bool { number <= lmk_best_instruction_set() }

  /// Computes with it from now on.
  ///
  /// - Throws: `InstructionSetError`.
  public static func use(_ name: String) throws {
    guard let set = InstructionSet(rawValue: name), lmk_set_instruction_set(set.number) != 0 else {
      throw InstructionSetError(name: name)
    }
  }
}

/// An instruction set that this machine, or this library, does not have.
public struct InstructionSetError: DescribedError {
  public let kind = ErrorKind.value
  public let name: String
  public var description: String {
    let there = InstructionSet.allCases.filter(\.isAvailable).map(\.rawValue)
    return "instruction set \(quoted([name])) is not available here, wanted \(oneOf(there))"
  }
}
