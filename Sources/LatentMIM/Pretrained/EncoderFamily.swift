/// Encoders that other projects trained and that load as this project's: one kind of checkpoint.
///
/// What a network here wants is made of tensors there by `tensors`, one rule each. A family is an entry of
/// `EncoderFamily.all` (`Families.swift`).
struct EncoderFamily: Sendable {
  /// What configurations and messages call it.
  let name: String
  /// Where encoders lie in its checkpoints: how what stands before their names ends, preferred first; "" is anywhere.
  let places: [String]
  /// Whether the names behind such a place are those of this family; the first family of `all` that says yes is taken.
  var isRecognized: @Sendable (Set<String>) -> Bool = { _ in true }
  var tensors = TensorRule.visionTransformer
  /// Its decoder, under the names of `LatentMIMModel`, where its checkpoints load as whole models; else empty.
  var decoder: [TensorRule] = []
  /// What weights of such a whole model do not tell.
  var preset = Preset.official
  /// Beginnings of names that are no part of an encoder and not missed.
  var ignored = ["mask_token", "masked_embed", "decoder_"]
  /// Heads at this width and depth where they are not those of a named encoder, or width / 64.
  var heads: @Sendable (_ width: Int, _ depth: Int) -> Int? = { _, _ in nil }
  /// What is to be said about pixels where mean and std are not given.
  var pixelRemark: String?
}
