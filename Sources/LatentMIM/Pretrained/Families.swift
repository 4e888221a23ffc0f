extension EncoderFamily {
  /// Every family, those with the most particular names first.
  static let all: [EncoderFamily] = [
    // SimMIM's vision transformer in a pre-training checkpoint: BEiT's encoder below `encoder.`, with the mask token.
    EncoderFamily(
      name: "simmim", places: ["encoder."], isRecognized: { $0.contains("mask_token") && hasBEiTNames($0) }),
    // BEiT, BEiT v2, data2vec, PeCo, CAE and their like: relative position bias, LayerScale, no key bias.
    EncoderFamily(
      name: "beit", places: [""], isRecognized: hasBEiTNames,
      pixelRemark: "pixels are normalised by ImageNet's mean and std; BEiT's first version wants mean and std of 0.5"),
    // With or without registers: LayerScale, and a mask token that features do not need. SwiGLU (its largest) is
    // refused.
    EncoderFamily(
      name: "dinov2", places: ["teacher.backbone.", ""],
      isRecognized: { $0.contains("mask_token") && $0.contains("blocks.0.ls1.gamma") }),
    // DINO with masked patches.
    EncoderFamily(
      name: "ibot", places: ["teacher.backbone.", "teacher.", "student.backbone.", "student.", ""],
      isRecognized: { $0.contains("masked_embed") }),
    // Its authors evaluate the base encoder. Its ViT-S has heads of width 32.
    EncoderFamily(
      name: "moco_v3", places: ["base_encoder.", "momentum_encoder."],
      heads: { width, _ in width == 384 ? 12 : nil }),
    // No class token; the target encoder is the one to use.
    EncoderFamily(
      name: "ijepa", places: ["target_encoder.", "encoder."],
      isRecognized: { !$0.contains("cls_token") && $0.contains("pos_embed") },
      heads: { width, _ in width == 1408 ? 16 : nil }),
    // With its decoder, which an encoder leaves out. Files of the encoder alone read as timm's.
    EncoderFamily(
      name: "mae", places: [""],
      isRecognized: { $0.contains("decoder_embed.weight") || $0.contains("decoder_pos_embed") },
      decoder: TensorRule.decoderOfMAE, preset: .mae),
    // The teacher is the one to use.
    EncoderFamily(name: "dino", places: ["teacher.backbone.", "teacher.", "student.backbone.", "student."]),
    // `VisionTransformer` of timm, and whatever else uses its names (AugReg, DeiT, DINOv2 as timm ships it …).
    EncoderFamily(name: "timm", places: [""]),
  ]

  @Sendable private static func hasBEiTNames(_ names: Set<String>) -> Bool {
    names.contains { $0.hasSuffix("relative_position_bias_table") || $0.hasSuffix("attn.q_bias") }
  }
}
