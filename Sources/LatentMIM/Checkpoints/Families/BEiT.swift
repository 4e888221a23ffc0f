extension EncoderFamily {
  /// BEiT, BEiT v2, data2vec, PeCo, CAE and their like: relative position bias, LayerScale, no key bias.
  static let beit = EncoderFamily(
    name: "beit", prefixes: ["", "encoder.", "model.", "backbone."],
    isRecognized: { names, _ in hasBEiTNames(names) },
    pixelRemark: "pixels are normalised by ImageNet's mean and std; BEiT's first version wants mean and std of 0.5")

  static func hasBEiTNames(_ names: Set<String>) -> Bool {
    names.contains { $0.hasSuffix("relative_position_bias_table") || $0.hasSuffix("attn.q_bias") }
  }
}
