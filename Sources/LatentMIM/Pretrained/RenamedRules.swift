extension TensorRule {
  /// The rules of a vision transformer under other names.
  ///
  /// - Parameters:
  ///   - blocks: what stands before the number of a block, such as "encoder.layer.", one or several.
  ///   - names: behind what timm's names are without the number of their block and without "weight" and "bias", what
  ///     they are there, one or several: those of one place belong together, and parts of one tensor have equally
  ///     many. One that ends in "_" has no dot behind it.
  /// - Returns: of each rule the ways that have names there.
  static func visionTransformer(blocks: [String], _ names: [String: [String]]) -> [TensorRule] {
    visionTransformer.compactMap { rule in
      var renamed = rule
      renamed.sources = rule.sources.flatMap { parts -> [[Part]] in
        let ways = parts.compactMap { $0.name.flatMap { alternatives($0, blocks: blocks, names) } }
        guard ways.count == parts.filter({ $0.name != nil }).count else { return [] }
        return (0..<(ways.map(\.count).max() ?? 0)).map { way in parts.map { $0.renamed(names, blocks, way) } }
      }
      renamed.scales = rule.scales.flatMap { alternatives($0, blocks: blocks, names) ?? [] }
      return renamed.sources.isEmpty ? nil : renamed
    }
  }

  /// What a name is there; nil where there is none.
  fileprivate static func alternatives(
    _ name: String, blocks: [String], _ names: [String: [String]]
  ) -> [String]? {
    let inBlock = name.hasPrefix("blocks.*.")
    let local = inBlock ? String(name.dropFirst("blocks.*.".count)) : name
    let kind = ["weight", "bias"].first { local.hasSuffix(".\($0)") }
    let stem = kind.map { String(local.dropLast($0.count + 1)) } ?? local
    guard let found = names[stem] else { return nil }
    let full = found.map { stem in kind.map { stem + (stem.hasSuffix("_") ? $0 : ".\($0)") } ?? stem }
    return inBlock ? blocks.flatMap { block in full.map { "\(block)*.\($0)" } } : full
  }
}

extension TensorRule.Part {
  fileprivate func renamed(_ names: [String: [String]], _ blocks: [String], _ way: Int) -> Self {
    guard let name, let found = TensorRule.alternatives(name, blocks: blocks, names), !found.isEmpty else {
      return self
    }
    let new = found[min(way, found.count - 1)]
    return switch self {
    case .tensor: .tensor(new)
    case .orZeros: .orZeros(new)
    case .ifThere: .ifThere(new)
    case .zeros: .zeros
    }
  }
}

extension TensorRule {
  /// Hugging Face's transformers, as its files name tensors (all versions), and as version 5 does in memory: ViT, DeiT,
  /// ViTMAE, IJepa, Dinov2 with and without registers, DINOv3ViT, Beit, Data2VecVision.
  static let transformers = visionTransformer(
    blocks: ["encoder.layer.", "layers.", "layer.", "model.layer."],
    [
      "cls_token": ["embeddings.cls_token"], "register_tokens": ["embeddings.register_tokens"],
      "dist_token": ["embeddings.distillation_token"], "pos_embed": ["embeddings.position_embeddings"],
      "patch_embed.proj": ["embeddings.patch_embeddings.projection", "embeddings.patch_embeddings"],
      "rel_pos_bias.relative_position_bias_table": [
        "encoder.relative_position_bias.relative_position_bias_table",
        "shared_position_bias.relative_position_bias_table",
      ],
      "norm": ["layernorm", "norm"], "fc_norm": ["pooler.layernorm"],
      "norm1": ["layernorm_before", "norm1"], "norm2": ["layernorm_after", "norm2"],
      "attn.q_proj": ["attention.attention.query", "attention.q_proj"],
      "attn.k_proj": ["attention.attention.key", "attention.k_proj"],
      "attn.v_proj": ["attention.attention.value", "attention.v_proj"],
      "attn.proj": ["attention.output.dense", "attention.o_proj"],
      "attn.relative_position_bias_table": [
        "attention.attention.relative_position_bias.relative_position_bias_table",
        "relative_position_bias.relative_position_bias_table",
      ],
      "ls1.gamma": ["lambda_1", "layer_scale1.lambda1"], "ls2.gamma": ["lambda_2", "layer_scale2.lambda1"],
      "mlp.fc1": ["intermediate.dense", "mlp.fc1"], "mlp.w12": ["mlp.weights_in"],
      "mlp.fc1_g": ["mlp.gate_proj"], "mlp.fc1_x": ["mlp.up_proj"],
      "mlp.fc2": ["output.dense", "mlp.fc2", "mlp.weights_out", "mlp.down_proj"],
    ])

  /// Hugging Face's image towers of CLIP and SigLIP.
  static let transformersTower = visionTransformer(
    blocks: ["encoder.layers."],
    [
      "cls_token": ["embeddings.class_embedding"], "pos_embed": ["embeddings.position_embedding.weight"],
      "patch_embed.proj": ["embeddings.patch_embedding"], "norm_pre": ["pre_layrnorm"], "norm": ["post_layernorm"],
      "norm1": ["layer_norm1"], "norm2": ["layer_norm2"], "attn.q_proj": ["self_attn.q_proj"],
      "attn.k_proj": ["self_attn.k_proj"], "attn.v_proj": ["self_attn.v_proj"], "attn.proj": ["self_attn.out_proj"],
      "mlp.fc1": ["mlp.fc1"], "mlp.fc2": ["mlp.fc2"],
    ])

  /// OpenAI's CLIP and OpenCLIP's own image towers.
  static let openCLIP = visionTransformer(
    blocks: ["transformer.resblocks."],
    [
      "cls_token": ["class_embedding"], "pos_embed": ["positional_embedding"], "patch_embed.proj": ["conv1"],
      "norm_pre": ["ln_pre"], "norm": ["ln_post"], "norm1": ["ln_1"], "norm2": ["ln_2"], "attn.qkv": ["attn.in_proj_"],
      "attn.proj": ["attn.out_proj"], "ls1.gamma": ["ls_1.gamma"], "ls2.gamma": ["ls_2.gamma"],
      "mlp.fc1": ["mlp.c_fc"], "mlp.fc2": ["mlp.c_proj"],
    ])

  /// torchvision's `VisionTransformer`.
  static let torchvision = visionTransformer(
    blocks: ["encoder.layers.encoder_layer_"],
    [
      "cls_token": ["class_token"], "pos_embed": ["encoder.pos_embedding"], "patch_embed.proj": ["conv_proj"],
      "norm": ["encoder.ln"], "norm1": ["ln_1"], "norm2": ["ln_2"], "attn.qkv": ["self_attention.in_proj_"],
      "attn.proj": ["self_attention.out_proj"], "mlp.fc1": ["mlp.0", "mlp.linear_1"],
      "mlp.fc2": ["mlp.3", "mlp.linear_2"],
    ])

  /// mmpretrain's (and mmcls's) `VisionTransformer`.
  static let mmpretrain = visionTransformer(
    blocks: ["layers."],
    [
      "cls_token": ["cls_token"], "register_tokens": ["reg_tokens"], "pos_embed": ["pos_embed"],
      "patch_embed.proj": ["patch_embed.projection"], "norm_pre": ["pre_norm"], "norm": ["ln1", "norm1"],
      "norm1": ["ln1", "norm1"], "norm2": ["ln2", "norm2"], "attn.qkv": ["attn.qkv"],
      "attn.proj": ["attn.proj"], "ls1.gamma": ["attn.gamma1.weight", "ls1.gamma"],
      "ls2.gamma": ["ffn.gamma2.weight", "ls2.gamma"], "mlp.fc1": ["ffn.layers.0.0"], "mlp.fc2": ["ffn.layers.1"],
    ])
}
