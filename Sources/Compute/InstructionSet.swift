import CKernels

/// The instruction sets that inner loops are compiled for.
public enum InstructionSet: String, Sendable, CaseIterable {
  case portable
  case avx2
  case avx512
  /// AVX-512 with AVX512_BF16: conversion to bfloat16 and VDPBF16PS.
  case avx512bf16
  /// That and Intel's AMX tiles for bfloat16.
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

  /// The one in use: the machine's best unless another was set.
  public static var current: InstructionSet {
    allCases.first { $0.number == lmk_instruction_set() } ?? .portable
  }

  /// Whether this library has kernels of its own for products, which OpenBLAS computes elsewhere.
  public static var hasOwnProducts: Bool { lmk_instruction_set() >= LMK_AVX2 }

  /// Whether the one in use supports computing in bfloat16.
  public static var hasBFloat16: Bool { lmk_instruction_set() >= LMK_AVX512BF16 }

  /// Whether this machine supports it.
  public var isAvailable: Bool { number <= lmk_best_instruction_set() }

  /// Makes it the one in use, once no other thread is in a computation (see `held`).
  ///
  /// - Throws: `InstructionSetError` if the machine does not support it, or inside a computation of this thread;
  ///   `Interrupted`.
  public static func use(_ name: String) throws {
    guard let set = InstructionSet(rawValue: name), set.isAvailable else { throw InstructionSetError.unavailable(name) }
    guard !isHeld else { throw InstructionSetError.inUse(name) }
    try whileNobodyHolds { _ = lmk_set_instruction_set(set.number) }
  }
}

/// Why an instruction set cannot be used.
public enum InstructionSetError: DescribedError {
  /// This machine, or this build of the library, does not support it.
  case unavailable(String)
  /// The calling thread is inside a computation that began with another one.
  case inUse(String)

  public var kind: ErrorKind { .value }

  public var description: String {
    switch self {
    case .unavailable(let name):
      let there = InstructionSet.allCases.filter(\.isAvailable).map(\.rawValue)
      return "instruction set \(quoted([name])) is not available here, wanted \(oneOf(there))"
    case .inUse(let name):
      return "instruction set \(quoted([name])) was asked for inside a computation, wanted between two of them"
    }
  }
}
