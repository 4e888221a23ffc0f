import Networks

/// Encoders that other projects trained and that load as this project's: one kind of checkpoint.
///
/// What a network here wants is made of tensors there by `tensors`, one rule each. A family is an entry of
/// `EncoderFamily.all` (`Families.swift`), or several of one name where its files name tensors in several ways.
struct EncoderFamily: Sendable {
  /// What configurations and messages call it.
  let name: String
  /// Where encoders lie in its checkpoints: how what stands before their names ends, preferred first; "" is anywhere.
  var places = [""]
  /// Whether the names behind such a place are those of this family; the first family of `all` that says yes is taken.
  var isRecognized: @Sendable (Set<String>) -> Bool = { _ in true }
  /// Whether shapes are those of its models, where names do not tell.
  var fits: @Sendable (PretrainedSizes) -> Bool = { _ in true }
  var tensors = TensorRule.visionTransformer
  /// Its decoder, under the names of `LatentMIMModel`, where its checkpoints load as whole models; else empty.
  var decoder: [TensorRule] = []
  /// What weights of such a whole model do not tell.
  var preset = Preset.official
  /// Heads at this width and depth where they are not those of a named encoder, or width / 64.
  var heads: @Sendable (_ width: Int, _ depth: Int) -> Int? = { _, _ in nil }
  /// ε of its norms.
  var epsilon = 1e-6
  /// Between the layers of its MLPs, where these are not gated.
  var activation = Activation.gelu
  /// Whether others of its models have another activation, which names do not tell.
  var activationVaries = false
  /// How its project interpolates a table of positions, with and without registers.
  var positions: @Sendable (_ registers: Int) -> PositionInterpolation = { _ in .antialiased }
  /// How its project interpolates relative position bias.
  var bias = BiasInterpolation.geometric
  /// Rotary positions, where it has some.
  var rotary: RotaryRule?
  /// Whether there may be no norm behind the last block.
  var mayLackFinalNorm = false
  /// What its project normalises pixels by; nil: that differs from one of its models to the next.
  var pixels: PixelRule? = .imageNet
}

/// Mean and standard deviation of pixels.
struct PixelRule: Sendable, Equatable {
  let mean: [Double]
  let std: [Double]

  static let imageNet = PixelRule(mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225])
  /// Of OpenAI's CLIP.
  static let clip = PixelRule(
    mean: [0.48145466, 0.4578275, 0.40821073], std: [0.26862954, 0.26130258, 0.27577711])
  static let half = PixelRule(mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5])
}
