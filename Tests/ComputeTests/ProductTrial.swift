import Glibc
import TestSupport
import Testing

@testable import Compute

/// One product: operands with a gap between rows, which no product may touch, and what double precision makes of them.
struct ProductTrial {
  let m: Int
  let n: Int
  let k: Int
  let turnA: Bool
  let turnB: Bool
  let element: Element
  let stride: Int
  private let strideA: Int
  private let strideB: Int
  private let a: [Float]
  private let b: [Float]
  private let before: [Float]
  private let isRounded: Bool

  /// - Parameter rounds: whether operands are rounded to bfloat16 in the reference.
  init(
    _ m: Int, _ n: Int, _ k: Int, turnA: Bool, turnB: Bool, gap: Int = 3, element: Element = .float32,
    rounds: Bool = false
  ) throws {
    (self.m, self.n, self.k, self.turnA, self.turnB, self.element) = (m, n, k, turnA, turnB, element)
    (strideA, strideB, stride) = ((turnA ? m : k) + gap, (turnB ? k : n) + gap, n + gap)
    let values = [((turnA ? k : m) * strideA, 1), ((turnB ? n : k) * strideB, 2)].map { randomValues($0.0, seed: $0.1) }
    (a, b) = rounds && element == .bfloat16 ? (values[0].map(rounded), values[1].map(rounded)) : (values[0], values[1])
    before = randomValues(m * stride, seed: 3)
    isRounded = rounds
  }

  private func operand(_ value: Float) -> Double { Double(isRounded ? rounded(value) : value) }

  /// alpha · a·b + beta · what was there, the gaps as they were.
  func expected(scale: Float = 1, beta: Float = 0) -> [Double] {
    let (left, right) = (a.map(operand), b.map(operand))
    var expected = before.map(Double.init)
    for i in 0..<m {
      for j in 0..<n {
        var sum = 0.0
        for l in 0..<k {
          sum += left[turnA ? l * strideA + i : i * strideA + l] * right[turnB ? j * strideB + l : l * strideB + j]
        }
        let place = i * stride + j
        expected[place] = Double(scale) * sum + Double(beta) * expected[place]
      }
    }
    return expected
  }

  private func stored(_ values: [Float], _ element: Element) throws -> Buffer {
    let buffer = try Buffer(count: values.count, element: element)
    convert(values, .float32, count: values.count, to: buffer.raw, element)
    return buffer
  }

  private func views(_ a: Buffer, _ b: Buffer) -> (MatrixView, MatrixView) {
    (
      MatrixView(a.raw, stride: strideA, transposed: turnA, element: a.element),
      MatrixView(b.raw, stride: strideB, transposed: turnB, element: b.element)
    )
  }

  func run(
    _ epilogue: Epilogue, arithmetic: Arithmetic = .float32, packs: Bool = false, result: Element = .float32
  ) throws -> [Float] {
    let (a, b, c) = (try stored(a, element), try stored(b, element), try stored(before, result))
    let (left, right) = views(a, b)
    let operand: RightOperand =
      packs ? .packed(try PackedMatrix(right, k: k, n: n, arithmetic: arithmetic)) : .view(right)
    try parallelProduct(
      m, n, k, left, operand, into: MatrixOutput(c.raw, stride: stride, element: result), epilogue,
      arithmetic: arithmetic)
    var values = [Float](repeating: 0, count: c.count)
    convert(c.raw, result, count: c.count, to: &values, .float32)
    // Gaps of a result that is stored otherwise were rounded; they are compared as float32 only.
    if result != .float32 { for i in values.indices where i % stride >= n { values[i] = rounded(before[i]) } }
    return values
  }

  func runAlone() throws -> [Float] {
    let (a, b, c) = (try stored(a, element), try stored(b, element), try stored(before, .float32))
    let (left, right) = views(a, b)
    let product = LocalProduct(m, n, k)
    let scratch = try Buffer(count: product.scratchCount)
    product(left, right, into: MatrixOutput(c.raw, stride: stride), scratch: scratch.pointer)
    return Array(c.values)
  }
}

/// To the nearest bfloat16, ties to even.
func rounded(_ value: Float) -> Float {
  let bits = value.bitPattern
  let up = (bits & 0xFFFF) > 0x8000 || ((bits & 0xFFFF) == 0x8000 && bits & 0x10000 != 0)
  return Float(bitPattern: (bits & 0xFFFF_0000) &+ (up ? 0x10000 : 0))
}

func gelu(_ x: Double) -> Double { x * 0.5 * erfc(-x / 2.0.squareRoot()) }
/// Values stored as bfloat16 against double precision: half a unit in the last of eight places, and the bound of
/// gelu_math.h, 2⁻¹² of the value or, where that is less, a millionth of x.
func expectGELU(_ values: [Float], of x: [Float], _ comment: String) {
  for (value, x) in zip(values, x.map(Double.init)) {
    let wanted = gelu(x)
    let bound = abs(wanted) * (0x1p-8 + 0x1p-12) + abs(x) * 1e-6
    #expect(abs(Double(value) - wanted) <= bound, "gelu of \(x): \(value), wanted \(wanted), \(comment)")
  }
}

func geluSlope(_ x: Double) -> Double {
  0.5 * erfc(-x / 2.0.squareRoot()) + x * exp(-x * x / 2) / (2 * Double.pi).squareRoot()
}

/// One, two and three threads give the same bits.
func expectSameBitsForAnyThreadCount(_ run: () throws -> [Float]) throws {
  var first: [Float]?
  try Machine.onEachThreadCount { threads in
    let values = try run()
    guard let first else { return first = values }
    expectSameBits(values, first, "\(threads) threads")
  }
}
