extension EncoderFamily {
  /// DINOv2, with or without registers: LayerScale, and a mask token that features do not need. SwiGLU (its largest) is
  /// refused.
  static let dinov2 = EncoderFamily(
    name: "dinov2", prefixes: ["teacher.backbone.", "backbone.", ""],
    isRecognized: { names, _ in names.contains("mask_token") && names.contains("blocks.0.ls1.gamma") })
}
