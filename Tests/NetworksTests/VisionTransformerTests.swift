import Compute
import Networks
import Tensors
import TestSupport
import Testing

@Suite struct VisionTransformerTests {
  private let shape = EncoderShape(
    patchCount: 12, width: 16, depth: 2, heads: 4, projector: ProjectorShape(width: 24, depth: 3))

  private func made() throws -> VisionTransformer {
    let encoder = try VisionTransformer(shape)
    encoder.initialize(prefix: "encoder", seed: 1)
    return encoder
  }

  private func random(_ shape: [Int], seed: UInt64) throws -> Tensor {
    let stream = RandomStream(seed: seed, purpose: .crop)
    return try Tensor(shape: shape, values: (0..<shape.reduce(1, *)).map { stream.uniform(at: $0) - 0.5 })
  }

  @Test func parametersHaveThePublishedNamesAndShapes() throws {
    let found = Dictionary(
      uniqueKeysWithValues: try made().namedParameters(prefix: "encoder").map { ($0.name, $0.parameter.shape) })
    let wanted: [String: [Int]] = [
      "encoder.cls_token": [1, 1, 16], "encoder.embed.proj.weight": [16, 12], "encoder.embed.proj.bias": [16],
      "encoder.blocks.1.norm1.weight": [16], "encoder.blocks.1.norm2.bias": [16],
      "encoder.blocks.0.attn.qkv.weight": [48, 16], "encoder.blocks.0.attn.qkv.bias": [48],
      "encoder.blocks.0.attn.proj.weight": [16, 16], "encoder.blocks.0.mlp.fc1.weight": [64, 16],
      "encoder.blocks.0.mlp.fc2.weight": [16, 64], "encoder.norm.weight": [16],
      "encoder.head.linear0.weight": [24, 16], "encoder.head.linear1.weight": [24, 24],
      "encoder.head.linear2.weight": [16, 24], "encoder.head.norm0.weight": [24], "encoder.head.norm2.bias": [16],
    ]
    for (name, shape) in wanted { #expect(found[name] == shape, "\(name)") }
    #expect(found["encoder.head.linear0.bias"] == nil)
    #expect(found.count == 1 + 2 + 2 * 12 + 2 + 3 * 3)
  }

  @Test func tokensFollowTheirPatches() throws {
    let encoder = try made()
    let (patches, positions) = (try random([1, 5, 12], seed: 2), try random([1, 5, 16], seed: 3))
    let order = [3, 0, 4, 1, 2]
    func shuffled(_ x: Tensor) throws -> Tensor {
      let width = x.shape[2]
      return try Tensor(shape: x.shape, values: order.flatMap { x.values[$0 * width..<($0 + 1) * width] })
    }
    let plain = try encoder(patches, positions: positions).values
    let turned = try encoder(shuffled(patches), positions: shuffled(positions)).values
    let wanted = ([0] + order.map { $0 + 1 }).flatMap { plain[$0 * 16..<($0 + 1) * 16].map(Double.init) }
    expectClose(turned, wanted, absolute: 1e-5)
    #expect(plain != turned)
  }

  @Test func layerZeroIsTheEmbeddingAndTheLastIsTheWhole() throws {
    let encoder = try made()
    let (patches, positions) = (try random([2, 3, 12], seed: 4), try random([2, 3, 16], seed: 5))
    let all = try encoder.tokens(patches, positions: positions)
    #expect(try encoder.tokens(patches, positions: positions, layer: 2).values == all.values)
    #expect(try encoder.tokens(patches, positions: positions, layer: 0).values != all.values)
    #expect(try encoder(patches, positions: positions).values == encoder.normed(all).values)
    #expect(throws: ShapeError.self) { try encoder.tokens(patches, positions: positions, layer: 3) }
  }

  @Test func initialisationDependsOnSeedAndNameAlone() throws {
    func values(_ seed: UInt64, _ prefix: String) throws -> [String: [Float]] {
      let encoder = try VisionTransformer(shape)
      encoder.initialize(prefix: prefix, seed: seed)
      let named = encoder.namedParameters().map { ($0.name, $0.parameter.tensor.values) }
      return Dictionary(uniqueKeysWithValues: named)
    }
    let (one, again, other, renamed) = try (values(1, "a"), values(1, "a"), values(2, "a"), values(1, "b"))
    #expect(one == again)
    #expect(one["blocks.0.attn.qkv.weight"] != other["blocks.0.attn.qkv.weight"])
    #expect(one["blocks.0.attn.qkv.weight"] != renamed["blocks.0.attn.qkv.weight"])
    #expect(one["blocks.0.attn.qkv.weight"] != one["blocks.1.attn.qkv.weight"])
    let qkv = try #require(one["blocks.0.attn.qkv.weight"])
    let bound = (6.0 / 64).squareRoot()
    #expect(qkv.allSatisfy { abs(Double($0)) <= bound })
    // 768 uniform draws have variance bound²/3 within 5 standard errors (√(4/45)·bound² per draw).
    let variance = qkv.reduce(0.0) { $0 + Double($1) * Double($1) } / 768
    #expect(abs(variance / (bound * bound) - 1.0 / 3) < 5 * (4.0 / 45 / 768).squareRoot())
    #expect(one["blocks.0.attn.qkv.bias"]?.allSatisfy { $0 == 0 } == true)
    #expect(one["norm.weight"]?.allSatisfy { $0 == 1 } == true)
  }
}
