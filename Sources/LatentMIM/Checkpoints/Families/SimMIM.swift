extension EncoderFamily {
  /// SimMIM's vision transformer in a pre-training checkpoint: BEiT's encoder below `encoder.`, with the mask token.
  static let simMIM = EncoderFamily(
    name: "simmim", prefixes: ["encoder."],
    isRecognized: { names, prefix in prefix == "encoder." && names.contains("mask_token") && hasBEiTNames(names) })
}
