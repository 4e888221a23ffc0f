/// Computes c [m, n] = a [m, k] · b [k, n] with all threads, the epilogue applied. Results have the same bits for any
/// number of threads.
///
/// - Parameter arithmetic: precision of a and b; a packed b must have been packed for it.
/// - Throws: `OutOfMemory`; `ArgumentError` where int8 cannot take these operands.
public func parallelProduct(
  _ m: Int, _ n: Int, _ k: Int, _ a: MatrixView, _ b: RightOperand, into c: MatrixOutput,
  _ epilogue: Epilogue = Epilogue(), arithmetic: Arithmetic = .float32
) throws {
  guard m > 0, n > 0 else { return }
  if arithmetic == .int8 { try requireQuantizable(a, b, depth: k) }
  try InstructionSet.held {
    if case .view(let view) = b, !usesOwnKernels(arithmetic) {
      try BLASProduct(m: m, n: n, k: k).run(a, view, into: c, epilogue)
    } else {
      try BlockedProduct(m: m, n: n, k: k, arithmetic: arithmetic).run(a, b, into: c, epilogue)
    }
  }
}

/// Bytes of a row are at most 255, of a column 127, and their sums have to fit an int32.
private let mostQuantizedDepth = Int(Int32.max) / (255 * 127)

func requireQuantizable(_ a: MatrixView, _ b: RightOperand, depth: Int) throws {
  guard depth <= mostQuantizedDepth else {
    throw ArgumentError("int8 product: depth is \(depth), wanted at most \(mostQuantizedDepth), whose sums fit 32 bits")
  }
  guard !a.isTransposed else {
    throw ArgumentError("int8 product: the left operand is transposed, wanted rows as they are stored")
  }
  if case .view(let view) = b, view.element != .float32 {
    throw ArgumentError("int8 product: the right operand is stored as \(view.element), wanted float32")
  }
}

/// Only float32 products have another way; callers check first that the processor supports the others.
func usesOwnKernels(_ arithmetic: Arithmetic) -> Bool {
  InstructionSet.hasOwnProducts || arithmetic != .float32
}

/// A product on the caller's thread, for use inside parallel regions: c [m, n] = a [m, k] · b [k, n]. Not for int8,
/// whose operands `parallelProduct` checks.
public struct LocalProduct: Sendable {
  private let blocked: BlockedProduct
  private let isOwn: Bool

  public init(_ m: Int, _ n: Int, _ k: Int, arithmetic: Arithmetic = .float32) {
    self.init(m, n, k, arithmetic: arithmetic, isOwn: usesOwnKernels(arithmetic))
  }

  /// For products that share scratch memory: all are computed the same way, even if the instruction set is changed in
  /// between.
  init(_ m: Int, _ n: Int, _ k: Int, arithmetic: Arithmetic, isOwn: Bool) {
    blocked = BlockedProduct(m: m, n: n, k: k, arithmetic: arithmetic)
    self.isOwn = isOwn
  }

  /// Floats of scratch memory it needs.
  public var scratchCount: Int { isOwn ? blocked.packingScratchCountAlone : 0 }

  /// - Parameter scratch: `scratchCount` floats at an address divisible by 64.
  public func callAsFunction(
    _ a: MatrixView, _ b: MatrixView, into c: MatrixOutput, _ epilogue: Epilogue = Epilogue(),
    scratch: UnsafeMutablePointer<Float>
  ) {
    guard blocked.m > 0, blocked.n > 0 else { return }
    if isOwn {
      blocked.runAlone(a, packing: b, into: c, epilogue, scratch: scratch)
    } else {
      BLASProduct(m: blocked.m, n: blocked.n, k: blocked.k).runAlone(a, b, into: c, epilogue)
    }
  }
}
