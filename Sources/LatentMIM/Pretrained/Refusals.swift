import Compute

/// Tensors that belong to other architectures, by a piece of their names, and what they are.
private let otherArchitectures: [(piece: String, what: String)] = [
  ("attn.q_norm.", "normed queries and keys"), ("attn.k_norm.", "normed queries and keys"),
  ("attn.norm.", "a norm inside attention"), ("mlp.norm.", "a norm inside the MLP"),
  ("freqs_cis", "rotary positions of another kind"), ("rope.", "rotary positions of another kind"),
  ("patch_embed.backbone.", "convolutions in front of the patches"),
  ("patch_embed.proj.0.", "convolutions in front of the patches"),
  ("blocks_token_only.", "attention of the class token alone, as CaiT has"),
  ("layers.0.blocks.", "a stage of several, as Swin has"), ("stages.0.", "a stage of several, as hierarchical networks have"),
  ("downsample.", "a step to a coarser grid, as hierarchical networks have"),
]

/// What names begin with that are no encoder's: heads, decoders, and what training needs.
private let notOfEncoders = [
  "head.", "heads.", "head_dist.", "lm_head.", "classifier.", "cls_classifier.", "distillation_classifier.", "pooler.",
  "attn_pool.", "pre_logits.", "fc.", "proj", "projection", "visual_projection.", "projectors.", "projector.",
  "dino_head.", "ibot_head.", "predictor.", "logit_scale", "logit_bias", "local_cls_norm.", "mask_token", "masked_embed",
  "decoder", "embeddings.mask_token", "embeddings.position_ids", "backbone_head.",
]

/// What of those is no head: it is left out without a word.
private let ofTraining = ["mask_token", "masked_embed", "decoder_", "embeddings.mask_token", "embeddings.position_ids"]

extension PretrainedWeights {
  /// - Throws: `WeightsError` naming a tensor that only another architecture has.
  func refuseOtherArchitectures() throws {
    for name in names.sorted() where !notOfEncoders.contains(where: name.hasPrefix) {
      guard let other = otherArchitectures.first(where: { name.contains($0.piece) }) else { continue }
      throw WeightsError(source: title, problems: ["\(prefix)\(name) is \(other.what): \(onlyPlain)"])
    }
  }

  /// - Throws: `WeightsError` for the first weight that is stored in another way than as floating numbers.
  func refuseQuantized() throws {
    for name in names.sorted() where name.hasSuffix("weight") {
      guard let type = try unreadableType(of: name) else { continue }
      throw WeightsError(
        source: title,
        problems: [
          "\(prefix)\(name) is stored as \(type): quantised weights are not read, wanted F16, BF16, F32 or F64"
        ])
    }
  }

  /// Gates come with rotary positions in EVA-02, of which its files do not tell.
  func refuseGatesOfEVA(_ sizes: PretrainedSizes) throws {
    guard sizes.isGated, family.name == "beit", sizes.relative == nil else { return }
    throw WeightsError(
      source: title,
      problems: ["these are weights of EVA-02, which has rotary positions of another kind: \(onlyPlain)"])
  }

  private var onlyPlain: String {
    "only vision transformers with norms in front of attention and MLP, and nothing else, load"
  }

  /// What of the names that no rule used is a problem, and what only to be told.
  func leftOver(_ used: Set<String>) -> (problems: [String], remark: String?) {
    let rest = names.subtracting(used).filter { name in
      !ofTraining.contains { name.hasPrefix($0) } && !name.hasSuffix("relative_position_index")
    }.sorted()
    let heads = rest.filter { name in notOfEncoders.contains { name.hasPrefix($0) } }
    let remark =
      heads.isEmpty ? nil : "\(title): \(listed(heads.map { prefix + $0 })) left out: no encoder's"
    let problems = rest.filter { !heads.contains($0) }.map {
      "\(prefix)\($0) is not part of an encoder of \(depth) blocks of the family '\(family.name)'"
    }
    return (problems, remark)
  }
}
