extension EncoderFamily {
  /// I-JEPA: no class token; the target encoder is the one to use.
  static let iJEPA = EncoderFamily(
    name: "ijepa", prefixes: ["target_encoder.module.", "target_encoder.", "encoder.module.", "encoder."],
    isRecognized: { names, _ in !names.contains("cls_token") && names.contains("pos_embed") },
    heads: { width, _ in width == 1408 ? 16 : nil })
}
