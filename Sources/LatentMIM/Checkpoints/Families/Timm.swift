extension EncoderFamily {
  /// timm's `VisionTransformer`, and whatever else uses its names (AugReg, DeiT, DINOv2 as timm ships it …).
  static let timm = EncoderFamily(
    name: "timm", prefixes: ["", "model.", "backbone.", "encoder."], isRecognized: { _, _ in true })
}
