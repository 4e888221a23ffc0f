/// How one tensor of this project's network is made.
struct TensorRule: Sendable {
  enum Part: Sendable, Equatable {
    case tensor(String)
    /// As many zeros as the parts beside it have each.
    case zeros
    /// The tensor, or such zeros where it is missing.
    case orZeros(String)
    /// The tensor, or nothing at all where it is missing.
    case ifThere(String)

    /// The tensor's name.
    var name: String? {
      switch self {
      case .tensor(let name), .orZeros(let name), .ifThere(let name): name
      case .zeros: nil
      }
    }
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
  var sources: [[Part]]
  var form = Form.same
  /// Factors of its rows, where the checkpoint has one of these tensors (LayerScale, masks of biases).
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
      // DeiT's token for distillation is one more token that features leave out.
      TensorRule(
        "register_tokens", "reg_token", "register_tokens", "storage_tokens", "dist_token", isOptional: true),
      TensorRule("pos_embed", "pos_embed", form: .table, isOptional: true),
      TensorRule("embed.proj.weight", "patch_embed.proj.weight", form: .convolution),
      TensorRule("embed.proj.bias", "patch_embed.proj.bias", isOptional: true),
      TensorRule("relative_position_bias_table", "rel_pos_bias.relative_position_bias_table", isOptional: true),
      TensorRule("rotary_periods", "rope_embed.periods", isOptional: true),
      TensorRule("norm_pre.weight", "norm_pre.weight"),
      TensorRule("norm_pre.bias", "norm_pre.bias"),
      TensorRule("norm.weight", "norm.weight", "fc_norm.weight"),
      TensorRule("norm.bias", "norm.bias", "fc_norm.bias"),
    ] + plainBlock("blocks.*.", from: "blocks.*.", isEncoder: true)
    + [
      TensorRule(
        "blocks.*.attn.qkv.bias",
        from: [
          [.tensor("blocks.*.attn.qkv.bias")],
          [.tensor("blocks.*.attn.q_bias"), .zeros, .tensor("blocks.*.attn.v_bias")],
          [
            .tensor("blocks.*.attn.q_proj.bias"), .orZeros("blocks.*.attn.k_proj.bias"),
            .tensor("blocks.*.attn.v_proj.bias"),
          ],
        ], scales: ["blocks.*.attn.qkv.bias_mask"], isOptional: true),
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
    + plainBlock("decoder.blocks.*.", from: "decoder_blocks.*.", isEncoder: false)
    + [TensorRule("decoder.blocks.*.attn.qkv.bias", "decoder_blocks.*.attn.qkv.bias")]

  /// What every block has, without the bias of queries, keys and values.
  ///
  /// - Parameter isEncoder: with LayerScale, gates in the MLP, and queries, keys and values apart, where they are so.
  private static func plainBlock(_ ours: String, from theirs: String, isEncoder: Bool) -> [TensorRule] {
    func rule(_ name: String, _ others: [[Part]] = [], scales: [String] = []) -> TensorRule {
      TensorRule(
        ours + name, from: [[.tensor(theirs + name)]] + (isEncoder ? others : []),
        scales: isEncoder ? scales.map { theirs + $0 } : [])
    }
    let apart = ["q_proj", "k_proj", "v_proj"].map { Part.tensor("\(theirs)attn.\($0).weight") }
    return [rule("attn.qkv.weight", [apart])]
      + ["weight", "bias"].flatMap { part in
        func there(_ name: String) -> Part { .tensor("\(theirs)mlp.\(name).\(part)") }
        return [
          rule("norm1.\(part)"), rule("norm2.\(part)"),
          rule("attn.norm.\(part)", [[.tensor("\(theirs)attn.inner_attn_ln.\(part)")]]),
          rule("mlp.norm.\(part)", [[there("ffn_ln")]]),
          rule("attn.proj.\(part)", scales: ["ls1.gamma", "gamma_1"]),
          rule(
            "mlp.fc1.\(part)",
            [
              [there("w12")], [there("w1"), there("w2")], [.ifThere("\(theirs)mlp.fc1_g.\(part)"), there("fc1_x")],
            ]),
          rule("mlp.fc2.\(part)", [[there("w3")]], scales: ["ls2.gamma", "gamma_2"]),
        ]
      }
  }
}
