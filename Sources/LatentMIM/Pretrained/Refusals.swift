import Compute

/// Tensors that belong to other architectures, by a piece of their names, and what they are.
private let otherArchitectures: [(piece: String, what: String)] = [
  ("attn.q_norm.", "normed queries and keys"), ("attn.k_norm.", "normed queries and keys"),
  ("freqs_cis", "rotary positions of another kind"), ("rope.", "rotary positions of another kind"),
  ("patch_embed.backbone.", "convolutions in front of the patches"),
  ("patch_embed.proj.0.", "convolutions in front of the patches"),
  ("blocks_token_only.", "attention of the class token alone, as CaiT has"),
  ("layers.0.blocks.", "a stage of several, as Swin has"),
  ("stages.0.", "a stage of several, as hierarchical networks have"),
  ("downsample.", "a step to a coarser grid, as hierarchical networks have"),
]

private let storedAngles = ["rope.freqs_cos", "rope.freqs_sin"]

/// Parts of the names of timm's models that have rotary positions, of which weights do not tell.
private let rotaryArchitectures = ["_rope", "vit_pe_"]

/// What names begin with that are no encoder's: heads, decoders, and what training needs.
private let notOfEncoders = [
  "head.", "heads.", "head_dist.", "lm_head.", "classifier.", "cls_classifier.", "distillation_classifier.", "pooler.",
  "attn_pool.", "pre_logits.", "fc.", "proj", "projection", "visual_projection.", "projectors.", "projector.",
  "dino_head.", "ibot_head.", "predictor.", "logit_scale", "logit_bias", "local_cls_norm.", "mask_token",
  "masked_embed",
  "decoder", "embeddings.mask_token", "embeddings.position_ids", "backbone_head.",
]

/// What of those is no head: it is left out without a word.
private let ofTraining = ["mask_token", "masked_embed", "decoder_", "embeddings.mask_token", "embeddings.position_ids"]

extension PretrainedWeights {
  /// - Throws: `WeightsError` naming a tensor that only another architecture has.
  func refuseOtherArchitectures() throws {
    for name in names.sorted() where !notOfEncoders.contains(where: name.hasPrefix) && !isStoredAngle(name) {
      guard let other = otherArchitectures.first(where: { name.contains($0.piece) }) else { continue }
      throw WeightsError(source: title, problems: ["\(prefix)\(name) is \(other.what): \(onlyPlain)"])
    }
  }

  /// Whether it holds what rotary positions of the family are computed as: EVA-02's own files have cosines and sines.
  private func isStoredAngle(_ name: String) -> Bool {
    family.rotary?.reference != nil && storedAngles.contains(where: name.ends(inParts:))
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

  /// Refuses models with the names of a family and other parts: EVA-02-CLIP's largest has EVA-01's names, and norms
  /// behind attention and MLP; Meta's Perception Encoder has a pool by attention besides CLIP's norms, and rotary
  /// positions, of which its files do not tell; hierarchical networks have wider blocks further up.
  ///
  /// - Throws: `WeightsError`.
  func refuseLookalikes(_ sizes: PretrainedSizes, _ beside: ConfigurationBeside?) throws {
    func refuse(_ what: String) -> WeightsError { WeightsError(source: title, problems: ["\(what): \(onlyPlain)"]) }
    let rotary = "has rotary positions of another kind"
    if family.rotary == nil, let name = beside?.architecture, rotaryArchitectures.contains(where: name.contains) {
      throw refuse("'\(shortened(name))' \(rotary)")
    }
    if sizes.isGated, family.rotary == nil, EncoderFamily.hasEVANames(names) { throw refuse("EVA-02 \(rotary)") }
    if beside?.architecture?.hasPrefix("eva02_enormous") == true
      || (family.name == "beit" && sizes.relative == nil && sizes.width == 1792)
    {
      throw refuse("EVA-02-CLIP-E has norms behind attention and MLP")
    }
    if family.name == "timm", sizes.hasPreNorm, names.contains(where: { $0.hasPrefix("attn_pool.") }) {
      throw refuse("a Perception Encoder \(rotary)")
    }
    if let name = name(of: "blocks.*.norm1.weight", block: sizes.depth - 1), let last = try shape(of: name)?.first,
      last % sizes.width == 0, last > sizes.width
    {
      throw refuse("\(prefix)\(name) is \(last) wide, patches \(sizes.width): a hierarchical network")
    }
  }

  private var onlyPlain: String {
    "only vision transformers with norms in front of attention and MLP, and nothing else, load"
  }

  /// What of the names that no rule used is a problem, and what only to be told.
  func leftOver(_ used: Set<String>) -> (problems: [String], remark: String?) {
    let rest = names.subtracting(used).filter { name in
      !ofTraining.contains { name.hasPrefix($0) } && !name.hasSuffix("relative_position_index") && !isStoredAngle(name)
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
