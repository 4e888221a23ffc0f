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
    /// [1, N, C] becomes [N, C].
    case table
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
      TensorRule("pos_embed", "pos_embed", form: .table, isOptional: true),
      TensorRule("embed.proj.weight", "patch_embed.proj.weight", form: .convolution),
      TensorRule("embed.proj.bias", "patch_embed.proj.bias", isOptional: true),
      TensorRule("relative_position_bias_table", "rel_pos_bias.relative_position_bias_table", isOptional: true),
      TensorRule("norm.weight", "norm.weight", "fc_norm.weight"),
      TensorRule("norm.bias", "norm.bias", "fc_norm.bias"),
    ] + plainBlock("blocks.*.", from: "blocks.*.", scales: true)
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

  /// MAE's decoder (He et al. 2022), under this project's names.
  static let decoderOfMAE: [TensorRule] =
    [
      TensorRule("decoder.mask_token", "mask_token"),
      TensorRule(positionTableName("decoder"), "decoder_pos_embed", form: .table),
    ]
    + ["weight", "bias"].flatMap { part in
      [("embed", "embed"), ("norm", "norm"), ("head", "pred")].map { ours, theirs in
        TensorRule("decoder.\(ours).\(part)", "decoder_\(theirs).\(part)")
      }
    }
    + plainBlock("decoder.blocks.*.", from: "decoder_blocks.*.", scales: false)
    + [TensorRule("decoder.blocks.*.attn.qkv.bias", "decoder_blocks.*.attn.qkv.bias")]

  /// What every block has, without the bias of queries, keys and values.
  private static func plainBlock(_ ours: String, from theirs: String, scales: Bool) -> [TensorRule] {
    let (attention, mlp) = (["ls1.gamma", "gamma_1"], ["ls2.gamma", "gamma_2"])
    func rule(_ name: String, _ factors: [String] = []) -> TensorRule {
      TensorRule(ours + name, theirs + name, scales: scales ? factors.map { theirs + $0 } : [])
    }
    return [rule("attn.qkv.weight")]
      + ["weight", "bias"].flatMap { part in
        ["norm1", "norm2", "mlp.fc1"].map { rule("\($0).\(part)") }
          + [rule("attn.proj.\(part)", attention), rule("mlp.fc2.\(part)", mlp)]
      }
  }
}
