/// Encoders that other projects trained and that load as this project's: one kind of checkpoint.
///
/// What a network here wants is made of tensors there by `tensors`, one rule each. A family is a value in a file of its
/// own and an entry of `all`.
struct EncoderFamily: Sendable {
  /// What configurations and messages call it.
  let name: String
  /// What stands before the encoder's names in its checkpoints, preferred first.
  let prefixes: [String]
  /// Whether names (behind a prefix, and that prefix) are those of this family; the first family of `all` that says yes
  /// is taken.
  let isRecognized: @Sendable (Set<String>, String) -> Bool
  var tensors = TensorRule.visionTransformer
  /// Beginnings of names that are no part of an encoder and not missed.
  var ignored = ["mask_token", "masked_embed", "decoder_"]
  /// Heads at this width and depth where they are not those of a named encoder, or width / 64.
  var heads: @Sendable (_ width: Int, _ depth: Int) -> Int? = { _, _ in nil }
  /// What is to be said about pixels where mean and std are not given.
  var pixelRemark: String?

  /// Every family, those with the most particular names first.
  static let all: [EncoderFamily] = [
    .simMIM, .beit, .dinov2, .ibot, .mocoV3, .iJEPA, .mae, .dino, .timm,
  ]
}

/// How one tensor of this project's network is made.
struct TensorRule: Sendable {
  enum Part: Sendable, Equatable {
    case tensor(String)
    /// As many zeros as the parts beside it have each.
    case zeros
  }

  enum Form: Sendable {
    case same
    /// A convolution's [C, channels, P, P] becomes [C, P·P·channels], numbers of a patch by row, column, channel.
    case convolution
  }

  /// What it is here; `*` stands for the number of a block.
  let name: String
  /// Ways to put it together, parts one below the other. A checkpoint has the tensors of one of them.
  let sources: [[Part]]
  var form = Form.same
  /// Factors of its rows, where the checkpoint has one of these tensors (LayerScale).
  var scales: [String] = []
  /// Whether it may be missing, in all blocks alike: then it is left as it is made, zeros or absent.
  var isOptional = false

  init(
    _ name: String, from sources: [[Part]], _ form: Form = .same, scales: [String] = [], isOptional: Bool = false
  ) {
    (self.name, self.sources, self.form, self.scales, self.isOptional) = (name, sources, form, scales, isOptional)
  }

  /// A tensor with one name there, or one of several.
  init(_ name: String, _ names: String..., form: Form = .same, scales: [String] = [], isOptional: Bool = false) {
    self.init(name, from: names.map { [.tensor($0)] }, form, scales: scales, isOptional: isOptional)
  }
}

extension TensorRule {
  /// The names of timm's vision transformer, which most projects share, with all that some of them add.
  static let visionTransformer: [TensorRule] =
    [
      TensorRule("cls_token", "cls_token", isOptional: true),
      TensorRule("register_tokens", "reg_token", "register_tokens", isOptional: true),
      TensorRule("pos_embed", "pos_embed", isOptional: true),
      TensorRule("embed.proj.weight", "patch_embed.proj.weight", form: .convolution),
      TensorRule("embed.proj.bias", "patch_embed.proj.bias", isOptional: true),
      TensorRule("relative_position_bias_table", "rel_pos_bias.relative_position_bias_table", isOptional: true),
      TensorRule("norm.weight", "norm.weight", "fc_norm.weight"),
      TensorRule("norm.bias", "norm.bias", "fc_norm.bias"),
    ] + block

  private static let attentionScales = ["blocks.*.ls1.gamma", "blocks.*.gamma_1"]
  private static let mlpScales = ["blocks.*.ls2.gamma", "blocks.*.gamma_2"]

  private static let block: [TensorRule] =
    ["norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias", "attn.qkv.weight", "mlp.fc1.weight", "mlp.fc1.bias"]
    .map { TensorRule("blocks.*.\($0)", "blocks.*.\($0)") }
    + ["weight", "bias"].flatMap {
      [
        TensorRule("blocks.*.attn.proj.\($0)", "blocks.*.attn.proj.\($0)", scales: attentionScales),
        TensorRule("blocks.*.mlp.fc2.\($0)", "blocks.*.mlp.fc2.\($0)", scales: mlpScales),
      ]
    }
    + [
      TensorRule(
        "blocks.*.attn.qkv.bias",
        from: [
          [.tensor("blocks.*.attn.qkv.bias")],
          [.tensor("blocks.*.attn.q_bias"), .zeros, .tensor("blocks.*.attn.v_bias")],
        ], isOptional: true),
      TensorRule(
        "blocks.*.attn.relative_position_bias_table", "blocks.*.attn.relative_position_bias_table", isOptional: true),
    ]
}
