import CKernels
import Glibc

/// Benchmarks of the machine and of this library's products: floating-point operations per second with all threads.
public enum Measurement {
  /// The three products of a linear layer for `rows` tokens, from `inWidth` to `outWidth` channels.
  public enum ProductKind: String, CaseIterable, Sendable {
    /// y = x·Wᵀ with W already packed
    case forward
    /// dx = dy·W
    case inputGradient = "input_gradient"
    /// dW = dyᵀ·x
    case weightGradient = "weight_gradient"
  }

  /// Peak rate of the instructions that this library multiplies with at that arithmetic, operands in registers.
  ///
  /// - Throws: `ArgumentError` for a time outside 0 … 600 s, `Interrupted`.
  public static func peak(_ arithmetic: Arithmetic, seconds: Double) throws -> Double {
    try check(seconds)
    let threads = threadCount
    var (steps, flops, elapsed) = (1000, 0.0, 0.0)
    while elapsed < seconds {
      try Interruption.check()
      let round = InstructionSet.held { multiplyAdds(arithmetic, steps: steps, threads: threads) }
      // Rounds long enough to hide the cost of starting them, short enough to respond to interruptions.
      if round.seconds < min(seconds, longestRound) / 4 {
        steps *= 2
        continue
      }
      (flops, elapsed) = (flops + round.flops, elapsed + round.seconds)
    }
    return flops / elapsed
  }

  private static let longestRound = 0.1

  private static func check(_ seconds: Double) throws {
    guard seconds > 0, seconds <= 600 else { throw ArgumentError("seconds is \(seconds), wanted above 0, at most 600") }
  }

  private static func multiplyAdds(_ arithmetic: Arithmetic, steps: Int, threads: Int) -> (
    flops: Double, seconds: Double
  ) {
    var flops = [Double](repeating: 0, count: threads)
    let (start, code) = (monotonicSeconds(), arithmetic.code)
    flops.withUnsafeMutableBufferPointer { flops in
      let place = flops.baseAddress
      parallel(threads) { place?[$0] = lmk_multiply_add_loop(code, steps) }
    }
    return (flops.reduce(0, +), monotonicSeconds() - start)
  }

  /// Repeats one product for some time, with operands and result stored as networks store them at that arithmetic.
  ///
  /// - Returns: floating-point operations per second.
  /// - Throws: `ArgumentError` for a time outside 0 … 600 s, a size outside 1 … 2²⁴ or a weight's gradient
  ///   in int8,
  ///   `OutOfMemory`, `Interrupted`.
  public static func product(
    _ kind: ProductKind, rows: Int, outWidth: Int, inWidth: Int, _ arithmetic: Arithmetic, seconds: Double
  ) throws -> Double {
    try check(seconds)
    for (name, size) in [("rows", rows), ("out_width", outWidth), ("in_width", inWidth)]
    where !(1...1 << 24).contains(size) {
      throw ArgumentError("\(name) is \(size), wanted 1 … \(1 << 24)")
    }
    guard arithmetic != .int8 || kind != .weightGradient else {
      throw ArgumentError("kind is 'weight_gradient', which is not computed in int8, wanted another")
    }
    let element = arithmetic.activation
    func filled(_ count: Int, _ element: Element) throws -> Buffer {
      let buffer = try Buffer(count: count, element: element)
      // Words of one float32, or two bfloat16, of 0.5.
      for index in 0..<count * element.size / 4 {
        buffer.raw.storeBytes(
          of: element == .float32 ? 0x3F00_0000 : 0x3F00_3F00, toByteOffset: 4 * index, as: UInt32.self)
      }
      return buffer
    }
    let (x, dy) = (try filled(rows * inWidth + 1, element), try filled(rows * outWidth + 1, element))
    let weight = try filled(outWidth * inWidth, .float32)
    let run: () throws -> Void
    switch kind {
    case .forward:
      let transposed = MatrixView(weight.raw, stride: inWidth, transposed: true)
      let packed: RightOperand =
        InstructionSet.hasOwnProducts
        ? .packed(try PackedMatrix(transposed, k: inWidth, n: outWidth, arithmetic: arithmetic)) : .view(transposed)
      run = {
        try parallelProduct(
          rows, outWidth, inWidth, MatrixView(x.raw, stride: inWidth, element: element), packed,
          into: MatrixOutput(dy.raw, stride: outWidth, element: element), arithmetic: arithmetic)
      }
    case .inputGradient:
      run = {
        try parallelProduct(
          rows, inWidth, outWidth, MatrixView(dy.raw, stride: outWidth, element: element),
          .view(MatrixView(weight.raw, stride: inWidth)), into: MatrixOutput(x.raw, stride: inWidth, element: element),
          arithmetic: arithmetic)
      }
    case .weightGradient:
      run = {
        try parallelProduct(
          outWidth, inWidth, rows, MatrixView(dy.raw, stride: outWidth, transposed: true, element: element),
          .view(MatrixView(x.raw, stride: inWidth, element: element)), into: MatrixOutput(weight.raw, stride: inWidth),
          arithmetic: arithmetic)
      }
    }
    var repeats = 0
    let start = monotonicSeconds()
    repeat {
      try Interruption.check()
      try run()
      repeats += 1
    } while monotonicSeconds() - start < seconds
    return 2 * Double(rows) * Double(outWidth) * Double(inWidth) * Double(repeats) / (monotonicSeconds() - start)
  }
}

/// Seconds of a monotonic clock since an arbitrary moment.
public func monotonicSeconds() -> Double {
  var now = timespec()
  clock_gettime(CLOCK_MONOTONIC, &now)
  return Double(now.tv_sec) + 1e-9 * Double(now.tv_nsec)
}
