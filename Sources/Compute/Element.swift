import CKernels

/// The element type of a buffer.
public enum Element: Sendable, Equatable {
  case float32
  /// The upper half of a float32: its range with eight bits of precision.
  case bfloat16

  /// Bytes of one element.
  public var size: Int { self == .float32 ? 4 : 2 }
  public var code: Int32 { Int32(self == .float32 ? LMK_FLOAT32 : LMK_BFLOAT16) }
}

/// Precision of products: the type their operands are rounded to.
public enum Arithmetic: Sendable, Equatable {
  /// Sums are float32, as they are of bfloat16.
  case float32
  case bfloat16
  /// Operands quantised to eight bits, each row of the left one and each column of the right one with a scale of its
  /// own, which is found anew for every product; sums are int32, and exact. The left operand is not transposed. Where
  /// the processor has neither AVX512-VNNI nor AVX-VNNI, columns get some seven bits.
  case int8

  /// Whether the instruction set in use supports it.
  public var isAvailable: Bool {
    switch self {
    case .float32: true
    case .bfloat16: InstructionSet.hasBFloat16
    case .int8: InstructionSet.hasOwnProducts
    }
  }

  /// The element type that products' operands and results are stored as, but where they are float32 anyway.
  public var activation: Element {
    (self == .int8 ? .besideInt8 : self) == .bfloat16 ? .bfloat16 : .float32
  }

  /// What is computed beside products of int8 with the instruction set in use.
  public static var besideInt8: Arithmetic {
    lmk_is_on_avx2(lmk_int8_product()) == 0 && InstructionSet.hasBFloat16 ? .bfloat16 : .float32
  }

  /// The kernels' code for it. The implementations for bfloat16 (FMA, VDPBF16PS, AMX) differ in the last bits of sums;
  /// a machine always uses the same.
  var code: Int32 {
    switch self {
    case .float32: lmk_float32_product()
    case .bfloat16: lmk_bfloat16_product()
    case .int8: lmk_int8_product()
    }
  }

  /// Rows of the micro-kernel's tile.
  var tileRows: Int { lmk_tile_rows(code) }
}

/// Converts `count` elements from one type to another, rounding to nearest, ties to even.
public func convert(
  _ from: UnsafeRawPointer, _ source: Element, count: Int, to: UnsafeMutableRawPointer, _ target: Element
) {
  lmk_convert(count, from, source.code, to, target.code)
}
