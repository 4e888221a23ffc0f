extension EncoderFamily {
  /// MoCo v3: its authors evaluate the base encoder. Its ViT-S has heads of width 32.
  static let mocoV3 = EncoderFamily(
    name: "moco_v3", prefixes: ["base_encoder.", "momentum_encoder."], isRecognized: { _, _ in true },
    heads: { width, _ in width == 384 ? 12 : nil })
}
