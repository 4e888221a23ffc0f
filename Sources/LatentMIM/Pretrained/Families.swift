import Networks

extension EncoderFamily {
  /// Every family, those with the most particular names first.
  static let all: [EncoderFamily] =
    underTimmsNames + transformers + others + [
      // `VisionTransformer` of timm, and whatever else uses its names (AugReg, DeiT, DINOv2 as timm ships it …).
      EncoderFamily(name: "timm", pixels: nil)
    ]

  /// Families whose tensors have the names of timm's vision transformer.
  private static let underTimmsNames = [
    // SimMIM's vision transformer in a pre-training checkpoint: BEiT's encoder below `encoder.`, with the mask token.
    EncoderFamily(
      name: "simmim", places: ["encoder."], isRecognized: { $0.contains("mask_token") && hasBEiTNames($0) }),
    // Its own names ("storage_tokens"), timm's ("reg_token") and, below, those of Hugging Face.
    EncoderFamily(
      name: "dinov3", places: ["teacher.backbone.", ""], isRecognized: hasDINOv3Names, epsilon: 1e-5,
      rotary: .dinov3),
    // EVA-02 and, without gates and rotary positions, EVA-01, whose one width tells it from others of these names.
    EncoderFamily(
      name: "eva", isRecognized: hasEVANames, fits: { $0.isGated },
      heads: { width, _ in width % 64 == 0 ? width / 64 : nil }, rotary: .eva, pixels: .clip),
    EncoderFamily(
      name: "eva", isRecognized: hasEVANames, fits: { !$0.isGated && $0.width == 1408 },
      heads: { _, _ in 16 }, pixels: .clip),
    // BEiT, BEiT v2, data2vec, PeCo, CAE and their like: relative position bias, LayerScale, no key bias.
    EncoderFamily(name: "beit", isRecognized: hasBEiTNames, pixels: nil),
    // With or without registers: LayerScale, and a mask token that features do not need.
    EncoderFamily(
      name: "dinov2", places: ["teacher.backbone.", ""],
      isRecognized: { $0.contains("mask_token") && $0.contains("blocks.0.ls1.gamma") },
      positions: { $0 > 0 ? .antialiased : .offset }),
    // DINO with masked patches.
    EncoderFamily(
      name: "ibot", places: ["teacher.backbone.", "teacher.", "student.backbone.", "student.", ""],
      isRecognized: { $0.contains("masked_embed") }, positions: { _ in .offset }),
    // Its authors evaluate the base encoder. Its ViT-S has heads of width 32.
    EncoderFamily(
      name: "moco_v3", places: ["base_encoder.", "momentum_encoder."],
      heads: { width, _ in width == 384 ? 12 : nil }),
    // No class token; the target encoder is the one to use.
    EncoderFamily(
      name: "ijepa", places: ["target_encoder.", "encoder."],
      isRecognized: { !$0.contains("cls_token") && $0.contains("pos_embed") },
      heads: { width, _ in width == 1408 ? 16 : nil }, positions: { _ in .bicubic }),
    // With its decoder, which an encoder leaves out. Files of the encoder alone read as timm's.
    EncoderFamily(
      name: "mae", isRecognized: { $0.contains("decoder_embed.weight") || $0.contains("decoder_pos_embed") },
      decoder: TensorRule.decoderOfMAE, preset: .mae, positions: { _ in .bicubic }),
    // The teacher is the one to use.
    EncoderFamily(
      name: "dino", places: ["teacher.backbone.", "teacher.", "student.backbone.", "student."],
      positions: { _ in .offset }),
  ]

  /// Hugging Face's names of the same and of its own families.
  private static let transformers = [
    EncoderFamily(
      name: "dinov3", isRecognized: { $0.contains("embeddings.patch_embeddings.weight") },
      tensors: TensorRule.transformers, epsilon: 1e-5, rotary: .dinov3),
    EncoderFamily(
      name: "beit", isRecognized: { names in names.contains { $0.hasSuffix(".lambda_1") } },
      tensors: TensorRule.transformers, epsilon: 1e-12, positions: { _ in .bicubic }, bias: .bilinear,
      mayLackFinalNorm: true, pixels: nil),
    EncoderFamily(
      name: "dinov2", isRecognized: { names in names.contains { $0.hasSuffix(".layer_scale1.lambda1") } },
      tensors: TensorRule.transformers, positions: { $0 > 0 ? .antialiased : .bicubic }),
    EncoderFamily(
      name: "ijepa", isRecognized: { !$0.contains("embeddings.cls_token") }, tensors: TensorRule.transformers,
      heads: { width, _ in width == 1408 ? 16 : nil }, epsilon: 1e-6, positions: { _ in .bicubic }),
    // ViT, DeiT and MAE, whose encoders have the same names.
    EncoderFamily(
      name: "vit", tensors: TensorRule.transformers, epsilon: 1e-12, positions: { _ in .bicubic }, pixels: nil),
    EncoderFamily(
      name: "clip", isRecognized: { $0.contains("pre_layrnorm.weight") }, tensors: TensorRule.transformersTower,
      epsilon: 1e-5, activation: .quickGELU, activationVaries: true, positions: { _ in .bicubic }, pixels: .clip),
    EncoderFamily(
      name: "siglip", tensors: TensorRule.transformersTower, activation: .tanhGELU, positions: { _ in .bicubic },
      pixels: .half),
  ]

  private static let others = [
    EncoderFamily(
      name: "clip", places: ["visual.", ""], tensors: TensorRule.openCLIP, epsilon: 1e-5, activationVaries: true,
      positions: { _ in .antialiased }, pixels: .clip),
    EncoderFamily(name: "torchvision", tensors: TensorRule.torchvision, positions: { _ in .bicubic }),
    EncoderFamily(
      name: "mmpretrain", places: ["backbone.", ""], tensors: TensorRule.mmpretrain, positions: { _ in .bicubic },
      pixels: nil),
  ]

  @Sendable private static func hasBEiTNames(_ names: Set<String>) -> Bool {
    names.contains { $0.hasSuffix("relative_position_bias_table") || $0.hasSuffix("attn.q_bias") }
  }

  /// BEiT's, with a table of positions in place of relative position bias, and without LayerScale.
  @Sendable static func hasEVANames(_ names: Set<String>) -> Bool {
    names.isSuperset(of: ["cls_token", "pos_embed"])
      && names.contains { $0.hasSuffix("attn.q_bias") || $0.hasSuffix("attn.q_proj.bias") }
      && !names.contains {
        $0.hasSuffix("relative_position_bias_table") || $0.hasSuffix("attn.k_proj.bias") || $0.hasSuffix(".gamma_1")
      }
  }

  /// Rotary positions leave no trace in timm's files: registers, LayerScale, a class token and no other positions do.
  @Sendable private static func hasDINOv3Names(_ names: Set<String>) -> Bool {
    names.contains("storage_tokens") || names.contains("rope_embed.periods")
      || (names.isSuperset(of: ["cls_token", "reg_token", "blocks.0.gamma_1", "norm.weight"])
        && names.isDisjoint(with: ["pos_embed", "blocks.0.attn.qkv.bias", "rel_pos_bias.relative_position_bias_table"])
        && !names.contains { $0.hasSuffix("relative_position_bias_table") })
  }
}
