import Compute
import TestSupport
import Testing

@testable import Tensors

/// The attention of a block, with its norm and layers, has the bits of its operations one after the other: with a
/// gradient, and without one, where an image's rows go through all of them on one thread.
@Suite struct AttentionBranchTests {
  private struct Parameters {
    let (norm, qkv, proj): (NormParameters, LinearParameters, LinearParameters)

    init(_ width: Int) throws {
      func leaf(_ shape: [Int], _ seed: Int) throws -> Tensor {
        try Tensor.leaf(shape: shape, buffer: Buffer(randomValues(shape.reduce(1, *), seed: seed)))
      }
      norm = NormParameters(weight: try leaf([width], 1), bias: try leaf([width], 2), epsilon: 1e-6)
      qkv = LinearParameters(weight: try leaf([3 * width, width], 3), bias: try leaf([3 * width], 4))
      proj = LinearParameters(weight: try leaf([width, width], 5), bias: nil)
    }
  }

  private func inTurn(_ x: Tensor, _ p: Parameters, heads: Int, bias: ScoreBias?, residual: Tensor) throws -> Tensor {
    let element = Computation.current.activation
    let normed = try layerNorm(
      x, weight: p.norm.weight, bias: p.norm.bias, epsilon: p.norm.epsilon, element: element)
    let found = try linear(normed, weight: p.qkv.weight, bias: p.qkv.bias, element: element)
    return try linear(selfAttention(found, heads: heads, bias: bias), weight: p.proj.weight, residual: residual)
  }

  private func check(_ images: Int, tokens: Int, isBiased: Bool = false, _ what: String) throws {
    let (width, heads) = (12, 3)
    let p = try Parameters(width)
    let x = try Tensor.leaf(
      shape: [images, tokens, width], buffer: Buffer(randomValues(images * tokens * width, seed: 6)))
    let residual = try Tensor(shape: x.shape, values: randomValues(x.count, seed: 7))
    let bias =
      try isBiased
      ? ScoreBias(heads: heads, tokens: tokens, headWidth: 4) { head, query, row in
        for key in 0..<tokens { row[key] = Float(head + query % 5 - key % 3) }
      } : nil
    let expected = try inTurn(x, p, heads: heads, bias: bias, residual: residual)
    func run() throws -> Tensor {
      try attentionBranch(
        x, norm: p.norm, qkv: p.qkv, proj: p.proj, heads: heads, bias: bias, residual: residual)
    }
    expectSameBits(Array(try run().values), Array(expected.values), "\(what), in one go")
    expectSameBits(Array(try Tape.record { try run() }.0.values), Array(expected.values), "\(what), recorded")
  }

  /// Twelve images, which any of these numbers of threads share evenly; thirteen, which two do not; few rows.
  @Test(arguments: [(12, 61), (13, 61), (24, 41), (2, 3), (1, 0)]) func sameBits(images: Int, tokens: Int) throws {
    try Machine.onEachInstructionSet { set in
      try check(images, tokens: tokens, "\(set)")
    }
    try Machine.onEachThreadCount { threads in
      try check(images, tokens: tokens, isBiased: tokens > 0, "\(threads) threads")
    }
  }

  @Test(.enabled(if: Arithmetic.bfloat16.isAvailable, "needs a processor with AVX512-BF16")) func pairs() throws {
    try Machine.undisturbed {
      try Computation.$current.withValue(Computation(.bfloat16)) { try check(12, tokens: 61, "bf16") }
    }
  }

  @Test(.enabled(if: Arithmetic.int8.isAvailable, "needs a processor with AVX2")) func bytes() throws {
    try Machine.onEachInt8Product { way in
      try Computation.$current.withValue(Computation(.int8)) {
        try Computation.quantizing { try check(12, tokens: 61, "\(way)") }
      }
    }
  }

  /// Images go through in one go where threads get even shares of them, and nothing of one needs more than caches hold.
  @Test func isWorthwhile() throws {
    Machine.onEachThreadCount { threads in
      func isWorthwhile(_ images: Int, tokens: Int = 200, width: Int = 576) -> Bool {
        RowChain.isWorthwhile(images: images, tokens: tokens, width: width, arithmetic: .float32)
      }
      let hasOwn = InstructionSet.hasOwnProducts
      #expect(isWorthwhile(8 * threads) == hasOwn)
      #expect(isWorthwhile(threads + 1) == (hasOwn && threads == 1))
      #expect(!isWorthwhile(8 * threads, tokens: 20_000))
      #expect(!isWorthwhile(8 * threads, tokens: 1))
    }
  }

  @Test func errorsNameTheShapes() throws {
    let p = try Parameters(12)
    let x = try Tensor(shape: [2, 3, 12], values: randomValues(72, seed: 1))
    expectShapeError("attentionBranch", "[6, 12]", "3 dimensions") {
      _ = try attentionBranch(
        x.reshaped([6, 12]), norm: p.norm, qkv: p.qkv, proj: p.proj, heads: 3, residual: x)
    }
    expectShapeError("attentionBranch", "is 9", "wants 12") {
      let narrow = try Tensor(shape: [2, 4, 9], values: randomValues(72, seed: 1))
      _ = try attentionBranch(narrow, norm: p.norm, qkv: p.qkv, proj: p.proj, heads: 3, residual: narrow)
    }
    expectShapeError("selfAttention", "multiple of 5") {
      _ = try attentionBranch(x, norm: p.norm, qkv: p.qkv, proj: p.proj, heads: 5, residual: x)
    }
    let large = try Tensor(shape: [12, 61, 12], values: randomValues(12 * 61 * 12, seed: 1))
    expectShapeError("attentionBranch", "residual", "[2, 3, 12]", "[12, 61, 12]") {
      _ = try attentionBranch(large, norm: p.norm, qkv: p.qkv, proj: p.proj, heads: 3, residual: x)
    }
  }
}
