import Compute
import Networks
import Tensors
import TestSupport
import Testing

@Suite struct DropoutPlanTests {
  private let images = 8
  private let stream = RandomStream(seed: 4, purpose: .dropout, epoch: 1)

  private func run(
    _ dropoutPlan: DropoutPlan?, depth: Int = 2, recomputes: Bool = false, images range: Range<Int>? = nil,
    layer: Int? = nil
  ) throws -> (tokens: [Float], gradients: [[Float]]) {
    let encoder = try VisionTransformer(EncoderShape(patchCount: 12, width: 16, depth: depth, heads: 4))
    encoder.initialize(prefix: "encoder", seed: 1)
    let range = range ?? 0..<images
    func rows(_ width: Int, seed: Int) throws -> Tensor {
      let all = randomValues(images * 5 * width, seed: seed)
      return try Tensor(
        shape: [range.count, 5, width], values: all[(range.lowerBound * 5 * width)..<(range.upperBound * 5 * width)])
    }
    var computation = Computation(recomputesBlocks: recomputes)
    computation.dropoutPlan = dropoutPlan
    computation.dropoutPlan?.images = .from(range.lowerBound)
    return try Computation.$current.withValue(computation) {
      let (results, tape) = try Tape.record {
        let tokens = try encoder.tokens(rows(12, seed: 2), positions: rows(16, seed: 3), layer: layer)
        let weights = randomValues(tokens.count, seed: 5)
        return (tokens, try contracted(tokens, with: weights))
      }
      try tape.backward(from: results.1)
      let gradients = encoder.namedParameters().map { $0.parameter.tensor.gradient?.value.map { Array($0.values) } }
      return (results.0.values, gradients.compactMap { $0 })
    }
  }

  private func dropoutPlan(path: Float = 0, dropout: Float = 0, grows: Bool = false) -> DropoutPlan {
    DropoutPlan(stream: stream, dropPath: path, dropout: dropout, growsOverDepth: grows)
  }

  /// Images that lose both branches of the only block leave it as they came; the others do not.
  @Test func droppedPathsAreThoseOfTheStream() throws {
    let found = try run(dropoutPlan(path: 0.6), depth: 1).tokens
    let embedded = try run(nil, depth: 1, layer: 0).tokens
    let size = 6 * 16
    var untouched = 0
    for image in 0..<images {
      let isUntouched = [0, 4].allSatisfy { stream.of(item: $0).uniform(at: image) < 0.6 }
      let part = (image * size)..<((image + 1) * size)
      #expect((found[part] == embedded[part]) == isUntouched, "image \(image)")
      untouched += isUntouched ? 1 : 0
    }
    #expect((1..<images).contains(untouched))
  }

  @Test func ratesGrowFromNothing() throws {
    #expect(try run(dropoutPlan(path: 0.9, grows: true), depth: 1).tokens == run(nil, depth: 1).tokens)
    let grown = try run(dropoutPlan(path: 0.9, grows: true), depth: 3, layer: 1).tokens
    #expect(try grown == run(nil, depth: 3, layer: 1).tokens)
    let place = BlockIndex(1, of: 3)
    #expect(dropoutPlan(path: 0.9, grows: true)(BlockIndex(0, of: 3), branch: 0) == nil)
    #expect(dropoutPlan(path: 0.9)(BlockIndex(0, of: 3), branch: 0) != nil)
    #expect(dropoutPlan(path: 0.9, grows: true)(place, branch: 0)?.pathRate == 0.45)
  }

  @Test func blocksComputedAgainDropTheSame() throws {
    try Machine.undisturbed {
      let wanted = dropoutPlan(path: 0.3, dropout: 0.2)
      let (kept, again) = (try run(wanted), try run(wanted, recomputes: true))
      #expect(kept.tokens == again.tokens && kept.gradients == again.gradients)
      #expect(try run(nil).tokens != kept.tokens)
    }
  }

  @Test func partsOfABatchDropWhatTheWholeDoes() throws {
    try Machine.undisturbed {
      let wanted = dropoutPlan(path: 0.3, dropout: 0.2)
      let whole = try run(wanted).tokens
      let parts = try run(wanted, images: 0..<3).tokens + run(wanted, images: 3..<8).tokens
      expectClose(parts, whole.doubled, absolute: 1e-5)
      #expect(zip(parts, whole).allSatisfy { abs($0 - $1) < 1e-5 })
    }
  }
}
