extension EncoderFamily {
  /// iBOT: DINO with masked patches.
  static let ibot = EncoderFamily(
    name: "ibot", prefixes: ["teacher.backbone.", "teacher.", "student.backbone.", "student.", ""],
    isRecognized: { names, _ in names.contains("masked_embed") })
}
