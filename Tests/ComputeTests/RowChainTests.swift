import TestSupport
import Testing

@testable import Compute

/// Two products one after the other have the bits of two calls, however their rows are cut.
@Suite struct RowChainTests {
  /// Operands of a layer [out, in] and its bias.
  private struct Layer {
    let weight: Buffer
    let bias: Buffer
    let (width, depth): (Int, Int)

    init(_ width: Int, _ depth: Int, seed: Int) throws {
      (self.width, self.depth) = (width, depth)
      weight = try Buffer(randomValues(width * depth, seed: seed))
      bias = try Buffer(randomValues(width, seed: seed + 1))
    }

    func packed(_ arithmetic: Arithmetic) throws -> PackedMatrix {
      let view = MatrixView(weight.raw, stride: depth, transposed: true)
      return try PackedMatrix(view, k: depth, n: width, arithmetic: arithmetic)
    }
  }

  private func check(_ rows: Int, _ arithmetics: (Arithmetic, Arithmetic), hidden element: Element, _ way: String)
    throws
  {
    // Hidden rows of 4400 bytes: some tens of them fill half an L2.
    let (first, second) = (try Layer(1100, 33, seed: 1), try Layer(17, 1100, seed: 3))
    let (right1, right2) = (try first.packed(arithmetics.0), try second.packed(arithmetics.1))
    let (x, residual) = (
      try Buffer(randomValues(rows * 33, seed: 5)), try Buffer(randomValues(rows * 17, seed: 6))
    )
    let (activates, adds) = (
      Epilogue(.gelu, bias: first.bias.pointer), Epilogue(bias: second.bias.pointer, residual: residual.pointer)
    )
    let (view, hidden) = (MatrixView(x.raw, stride: 33), try Buffer(count: rows * 1100, element: element))
    let (expected, y) = (try Buffer(count: rows * 17), try Buffer(count: rows * 17, repeating: .nan))
    try parallelProduct(
      rows, 1100, 33, view, .packed(right1), into: MatrixOutput(hidden.raw, stride: 1100, element: element), activates,
      arithmetic: arithmetics.0)
    try parallelProduct(
      rows, 17, 1100, MatrixView(hidden.raw, stride: 1100, element: element), .packed(right2),
      into: MatrixOutput(expected.raw, stride: 17), adds, arithmetic: arithmetics.1)
    try Machine.onEachThreadCount { threads in
      let chain = RowChain([.product(right1, activates)], last: right2, adds, hidden: element)
      try chain.run(rows, view, into: MatrixOutput(y.raw, stride: 17))
      expectSameBits(Array(y.values), Array(expected.values), "\(rows) rows, \(threads) threads, \(way)")
    }
  }

  @Test(arguments: [1, 59, 60, 401]) func floats(rows: Int) throws {
    try Machine.onEachInstructionSet { set in
      guard InstructionSet.hasOwnProducts else { return }
      try check(rows, (.float32, .float32), hidden: .float32, "\(set)")
    }
  }

  @Test(.enabled(if: Arithmetic.bfloat16.isAvailable, "needs a processor with AVX512-BF16"), arguments: [1, 401])
  func pairs(rows: Int) throws {
    try Machine.onEachInstructionSet { set in
      guard Arithmetic.bfloat16.isAvailable else { return }
      try check(rows, (.bfloat16, .bfloat16), hidden: .bfloat16, "\(set)")
    }
  }

  /// Both, or the second one alone, as in the MLP of a block whose first layer does not stand eight bits.
  @Test(.enabled(if: Arithmetic.int8.isAvailable, "needs a processor with AVX2"), arguments: [1, 401])
  func bytes(rows: Int) throws {
    try Machine.onEachInt8Product { way in
      try check(rows, (.int8, .int8), hidden: .float32, "\(way)")
      try check(rows, (.float32, .int8), hidden: .float32, "\(way), the first in floats")
    }
  }

  @Test(.enabled(if: Arithmetic.int8.isAvailable, "needs a processor with AVX2")) func depthIsChecked() throws {
    let deep = Int(Int32.max) / (255 * 127) + 1
    let (narrow, wide) = (try Layer(1, deep, seed: 1), try Layer(1, 1, seed: 2))
    let chain = RowChain(
      [.product(try narrow.packed(.int8), Epilogue())], last: try wide.packed(.int8), Epilogue(), hidden: .float32)
    let (x, y) = (try Buffer(count: deep, repeating: 0), try Buffer(count: 1, repeating: 7))
    #expect(throws: ArgumentError.self) {
      try chain.run(1, MatrixView(x.raw, stride: deep), into: MatrixOutput(y.raw, stride: 1))
    }
    #expect(y.pointer[0] == 7)
  }
}
