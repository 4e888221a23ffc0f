import Files
import Tensors
import Testing

@testable import LatentMIM

/// Which names of a checkpoint become which of the network's, family by family.
@Suite struct FamilyTests {
  private static let (width, heads, side) = (8, 2, 2)

  /// Names and shapes of an encoder of one block on a grid of 2 × 2 patches, as most projects have them.
  private static let common: [String: [Int]] = {
    var shapes = [
      "patch_embed.proj.weight": [8, 3, 2, 2], "patch_embed.proj.bias": [8], "norm.weight": [8], "norm.bias": [8],
      "blocks.0.attn.qkv.weight": [24, 8], "blocks.0.attn.proj.weight": [8, 8], "blocks.0.attn.proj.bias": [8],
      "blocks.0.mlp.fc1.weight": [32, 8], "blocks.0.mlp.fc1.bias": [32], "blocks.0.mlp.fc2.weight": [8, 32],
      "blocks.0.mlp.fc2.bias": [8],
    ]
    for norm in ["norm1", "norm2"] { for part in ["weight", "bias"] { shapes["blocks.0.\(norm).\(part)"] = [8] } }
    return shapes
  }()
  private static let placed: [String: [Int]] = ["cls_token": [1, 1, 8], "pos_embed": [1, 5, 8]]
  private static let plain = placed.merging(["blocks.0.attn.qkv.bias": [24]]) { $1 }
  private static let beit: [String: [Int]] = [
    "cls_token": [1, 1, 8], "blocks.0.attn.q_bias": [8], "blocks.0.attn.v_bias": [8], "blocks.0.gamma_1": [8],
    "blocks.0.gamma_2": [8],
  ]
  /// EVA-02: gates in the MLP, of which the names tell nothing.
  private static let gatedWithoutKeyBias = [
    "blocks.0.attn.q_bias": [8], "blocks.0.attn.v_bias": [8], "blocks.0.mlp.fc2.weight": [8, 16],
  ]
  private static let inner = [
    "blocks.0.attn.inner_attn_ln.weight": [8], "blocks.0.attn.inner_attn_ln.bias": [8],
    "blocks.0.mlp.ffn_ln.weight": [16], "blocks.0.mlp.ffn_ln.bias": [16],
  ]
  private static let ownTable = ["blocks.0.attn.relative_position_bias_table": [12, 2]]
  private static let sharedTable = ["rel_pos_bias.relative_position_bias_table": [12, 2]]
  private static let layerScale = ["blocks.0.ls1.gamma": [8], "blocks.0.ls2.gamma": [8]]

  /// A checkpoint: the encoder's tensors, what stands before their names, what else is there, and the family.
  struct Checkpoint: CustomTestStringConvertible, Sendable {
    let family: String
    var prefix = ""
    var own: [String: [Int]]
    var others: [String: [Int]] = [:]
    /// Where nothing tells it.
    var grid: [Int]?
    var testDescription: String { "\(family) behind '\(prefix)'" }
  }

  static let checkpoints = [
    Checkpoint(family: "timm", own: plain),
    Checkpoint(
      family: "timm", prefix: "model.", own: plain.merging(layerScale) { $1 }.merging(["reg_token": [1, 2, 8]]) { $1 }),
    Checkpoint(family: "dino", prefix: "teacher.backbone.", own: plain, others: ["student.backbone.norm.weight": [8]]),
    Checkpoint(
      family: "dinov2", own: plain.merging(layerScale) { $1 },
      others: ["mask_token": [1, 8]]),
    Checkpoint(
      family: "ibot", prefix: "teacher.backbone.", own: plain, others: ["teacher.backbone.masked_embed": [1, 8]]),
    Checkpoint(
      family: "moco_v3", prefix: "module.base_encoder.", own: plain, others: ["module.momentum_encoder.norm.bias": [8]]),
    Checkpoint(family: "moco_v3", prefix: "momentum_encoder.", own: plain),
    Checkpoint(
      family: "ijepa", prefix: "target_encoder.module.",
      own: ["pos_embed": [1, 4, 8], "blocks.0.attn.qkv.bias": [24]], others: ["predictor.module.mask_token": [1, 1, 8]]),
    Checkpoint(family: "ijepa", prefix: "encoder.", own: ["pos_embed": [1, 4, 8], "blocks.0.attn.qkv.bias": [24]]),
    Checkpoint(family: "mae", own: plain, others: ["decoder_embed.weight": [4, 8], "mask_token": [1, 1, 4]]),
    Checkpoint(
      family: "simmim", prefix: "encoder.", own: beit.merging(sharedTable) { $1 },
      others: ["encoder.mask_token": [1, 1, 8], "decoder.0.bias": [3]]),
    Checkpoint(
      family: "dinov3", own: ["cls_token": [1, 1, 8], "blocks.0.attn.qkv.bias": [24]].merging(layerScale) { $1 },
      others: ["storage_tokens": [1, 2, 8], "mask_token": [1, 8]], grid: [2, 2]),
    Checkpoint(
      family: "eva", own: placed.merging(gatedWithoutKeyBias) { $1 },
      others: ["mask_token": [1, 1, 8], "lm_head.bias": [4]]),
    Checkpoint(family: "eva", prefix: "visual.", own: placed.merging(gatedWithoutKeyBias) { $1 }.merging(inner) { $1 }),
    Checkpoint(family: "beit", own: beit.merging(ownTable) { $1 }, others: ["mask_token": [1, 1, 8]]),
    Checkpoint(family: "beit", prefix: "encoder.", own: beit.merging(sharedTable) { $1 }),
  ]

  /// Heads of four numbers: 0, 2 and 1, 3 are turned together; values stay.
  @Test func neighboursBecomePairsHalfAHeadApart() {
    let values = (0..<24).flatMap { [Float($0), Float(100 + $0)] }
    let found = pairedByHalves(values, width: 8, heads: 2)
    let queries: [Float] = [0, 2, 1, 3, 4, 6, 5, 7]
    let wanted = queries + queries.map { $0 + 8 } + (16..<24).map { Float($0) }
    #expect(found == wanted.flatMap { [$0, 100 + $0] })
  }

  /// The second cell of two stands at 8 of 16; the shortest period is a cell times 2π.
  @Test func placesAreCountedOnTheGridOfReference() {
    let rotary = RotaryPositions(periods: RotaryRule.eva.periods(headWidth: 8), reference: RotaryRule.eva.reference)
    let angles = rotary.angles(rows: 1, columns: 2)
    #expect(zip(angles, [0, 0, 0, 0, 0, 0, 8, 0.08]).allSatisfy { abs($0 - $1) < 1e-6 })
  }

  /// Every family of the list that has timm's names has a checkpoint here.
  @Test func allFamiliesAreTested() {
    let families = EncoderFamily.all.filter { $0.patchNames == ["patch_embed.proj.weight"] }
    #expect(Set(Self.checkpoints.map(\.family)) == Set(families.map(\.name)))
  }

  /// Under other names a rule has as many parts, and only names of that project.
  @Test func rulesUnderOtherNames() throws {
    let rules = TensorRule.visionTransformer(
      blocks: ["layer.", "model.layer."],
      ["attn.q_proj": ["q", "a.q"], "attn.k_proj": ["k", "a.k"], "attn.v_proj": ["v", "a.v"]])
    #expect(rules.map(\.name) == ["blocks.*.attn.qkv.weight", "blocks.*.attn.qkv.bias"])
    let weights = rules[0].sources.map { $0.compactMap(\.name) }
    #expect(
      weights == [
        ["layer.*.q.weight", "layer.*.k.weight", "layer.*.v.weight"],
        ["layer.*.a.q.weight", "layer.*.a.k.weight", "layer.*.a.v.weight"],
        ["model.layer.*.q.weight", "model.layer.*.k.weight", "model.layer.*.v.weight"],
        ["model.layer.*.a.q.weight", "model.layer.*.a.k.weight", "model.layer.*.a.v.weight"],
      ])
  }

  @Test(arguments: checkpoints)
  func namesBecomeOurs(_ checkpoint: Checkpoint) throws {
    let own = Self.common.merging(checkpoint.own) { $1 }
    let source = Numbers(own.reduce(into: checkpoint.others) { $0[checkpoint.prefix + $1.key] = $1.value })
    func values(_ name: String) -> [Float] { source.values(checkpoint.prefix + name) }
    var given: [String: JSONValue] = ["heads": 2]
    given["grid"] = checkpoint.grid.map { .array($0.map { .integer($0) }) }
    let options = JSONCursor(.object(given), source: "options")
    let encoder = try Encoder.load(source, title: "test", options: options).encoder
    #expect(encoder.family == checkpoint.family)
    #expect((encoder.configuration.rows, encoder.configuration.columns, encoder.configuration.patchSize) == (2, 2, 2))
    #expect(encoder.hasClassToken == (checkpoint.own["cls_token"] != nil))
    let found = Dictionary(
      uniqueKeysWithValues: encoder.network.namedParameters().map { ($0.name, $0.parameter.tensor.values) })
    // Row, column, channel: number 4 of a patch is channel 1 of its second pixel, number 5 of the convolution.
    #expect(found["embed.proj.weight"]?[4] == values("patch_embed.proj.weight")[5])
    #expect(found["embed.proj.weight"]?.sorted() == values("patch_embed.proj.weight").sorted())
    for name in [
      "norm.weight", "blocks.0.norm1.bias", "blocks.0.norm2.weight", "blocks.0.mlp.fc1.bias",
    ] {
      #expect(found[name] == values(name), "\(name)")
    }
    func turned(_ values: [Float]) -> [Float] {
      checkpoint.family == "eva" ? pairedByHalves(values, width: 8, heads: 2) : values
    }
    #expect(found["blocks.0.attn.qkv.weight"] == turned(values("blocks.0.attn.qkv.weight")))
    for (name, theirs) in [("attn.norm.bias", "attn.inner_attn_ln.bias"), ("mlp.norm.weight", "mlp.ffn_ln.weight")] {
      #expect(found["blocks.0.\(name)"] == own["blocks.0.\(theirs)"].map { _ in values("blocks.0.\(theirs)") })
    }
    let bias =
      own["blocks.0.attn.q_bias"] == nil
      ? values("blocks.0.attn.qkv.bias")
      : values("blocks.0.attn.q_bias") + [Float](repeating: 0, count: 8) + values("blocks.0.attn.v_bias")
    #expect(found["blocks.0.attn.qkv.bias"] == turned(bias))
    for (name, factors) in [("attn.proj", ["ls1.gamma", "gamma_1"]), ("mlp.fc2", ["ls2.gamma", "gamma_2"])] {
      let factor = factors.map { "blocks.0.\($0)" }.first { own[$0] != nil }.map(values)
      let weight = values("blocks.0.\(name).weight")
      let wanted = weight.enumerated().map { $1 * (factor?[$0 * 8 / weight.count] ?? 1) }
      #expect(found["blocks.0.\(name).weight"] == wanted, "\(name)")
    }
    if let token = found["cls_token"] {
      let position = own["pos_embed"] == nil ? [Float](repeating: 0, count: 8) : Array(values("pos_embed").prefix(8))
      #expect(token == zip(values("cls_token"), position).map(+))
    }
    let patches = own["pos_embed"] == nil ? nil : Array(values("pos_embed").suffix(32))
    #expect(encoder.pretrained?.positions?.values == patches)
    let tables = own.keys.filter { $0.hasSuffix("relative_position_bias_table") }.map(values)
    #expect(encoder.pretrained?.relative?.tables.map(\.values) ?? [] == tables)
  }
}

/// Tensors of different numbers under given names and shapes.
private struct Numbers: TensorSource {
  private let shapes: [String: [Int]]

  init(_ shapes: [String: [Int]]) { self.shapes = shapes }

  var names: [String] { shapes.keys.sorted() }
  func shape(of name: String) throws -> [Int] { shapes[name] ?? [] }
  func unreadableType(of name: String) throws -> String? { nil }

  func values(_ name: String) -> [Float] {
    let start = Float(names.firstIndex(of: name) ?? 0)
    return (0..<(shapes[name] ?? []).reduce(1, *)).map { start + Float($0) / 1024 }
  }

  func read(_ name: String, into buffer: UnsafeMutableBufferPointer<Float>) throws {
    _ = buffer.update(fromContentsOf: values(name))
  }
}
