import Compute

/// Tensors that belong to other architectures, by a piece of their names, and what they are.
private let otherArchitectures: [(piece: String, what: String)] = [
  ("norm_pre.", "a norm in front of the blocks, as CLIP has"),
  ("mlp.w12.", "a gated MLP (SwiGLU)"), ("mlp.w1.", "a gated MLP (SwiGLU)"), ("mlp.fc1_g.", "a gated MLP (SwiGLU)"),
  ("attn.q_norm.", "normed queries and keys"), ("attn.k_norm.", "normed queries and keys"),
  ("attn.norm.", "a norm inside attention"), ("mlp.norm.", "a norm inside the MLP"),
  ("dist_token", "a distillation token"), ("rope", "rotary positions"), ("freqs_cis", "rotary positions"),
  ("patch_embed.backbone.", "convolutions in front of the patches"),
  ("patch_embed.proj.0.", "convolutions in front of the patches"),
]

extension PretrainedWeights {
  /// - Throws: `WeightsError` naming a tensor that only another architecture has.
  func refuseOtherArchitectures() throws {
    for name in names.sorted() {
      guard let other = otherArchitectures.first(where: { name.contains($0.piece) }) else { continue }
      throw WeightsError(
        source: title,
        problems: [
          "\(prefix)\(name) is \(other.what): only vision transformers with norms in front of attention and MLP, and nothing else, load"
        ])
    }
  }

  /// What of the names that no rule used is a problem, and what only to be told.
  func leftOver(_ used: Set<String>) -> (problems: [String], remark: String?) {
    let rest = names.subtracting(used).filter { name in
      !family.ignored.contains { name.hasPrefix($0) } && !name.hasSuffix("relative_position_index")
    }.sorted()
    let heads = rest.filter { name in ["head.", "lm_head."].contains { name.hasPrefix($0) } }
    let remark =
      heads.isEmpty ? nil : "\(title): \(listed(heads.map { prefix + $0 })) left out: no encoder's"
    let problems = rest.filter { !heads.contains($0) }.map {
      "\(prefix)\($0) is not part of an encoder of \(depth) blocks of the family '\(family.name)'"
    }
    return (problems, remark)
  }
}
