extension EncoderFamily {
  /// DINO: the teacher is the one to use.
  static let dino = EncoderFamily(
    name: "dino", prefixes: ["teacher.backbone.", "teacher.", "student.backbone.", "student."],
    isRecognized: { _, _ in true })
}
