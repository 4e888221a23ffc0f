import CKernels

/// How numbers are stored.
public enum Element: Sendable, Equatable {
  case float32
  /// The upper half of a float: its range with eight bits of precision.
  case bfloat16

  /// Bytes of one number.
  public var size: Int { self == .float32 ? 4 : 2 }
  public var code: Int32 { Int32(self == .float32 ? LMK_FLOAT32 : LMK_BFLOAT16) }
}

/// How products are computed: the number format their operands are rounded to. Sums are float32 in both.
public enum Arithmetic: Sendable, Equatable {
  case float32
  case bfloat16

  /// Whether the instruction set in use can compute this way.
  public var isAvailable: Bool { self == .float32 || InstructionSet.hasBFloat16 }

  /// The kernels' number for it. The ways of multiplying bfloat16 differ in the last bits of sums: a machine always
  /// takes the same.
  var code: Int32 {
    switch self {
    case .float32: Int32(LMK_PRODUCT_FLOAT32)
    case .bfloat16: lmk_bfloat16_product()
    }
  }

  /// Rows of the piece of a product that stays in registers.
  var tileRows: Int { lmk_tile_rows(code) }
}

/// Converts numbers from one way of storing them to another, rounding to the nearest, ties to even.
public func convert(
  _ from: UnsafeRawPointer, _ source: Element, count: Int, to: UnsafeMutableRawPointer, _ target: Element
) {
  lmk_convert(count, from, source.code, to, target.code)
}
