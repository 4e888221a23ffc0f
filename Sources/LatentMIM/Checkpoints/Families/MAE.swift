extension EncoderFamily {
  /// MAE with its decoder, which is left out. Files of the encoder alone read as timm's.
  static let mae = EncoderFamily(
    name: "mae", prefixes: [""],
    isRecognized: { names, _ in names.contains("decoder_embed.weight") || names.contains("decoder_pos_embed") })
}
