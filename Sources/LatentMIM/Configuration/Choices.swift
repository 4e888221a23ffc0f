/// Which offsets a patch may take inside its cell of P + G pixels.
public enum GapOffset: String, Sendable, CaseIterable {
  /// 0 … G − 1
  case exclusive
  /// 0 … G: every position in the cell
  case inclusive
}

/// How training crops make room for gaps.
public enum CropRule: String, Sendable, CaseIterable {
  /// The grid stays, the crop's side is g·(P + G).
  case grow
  /// The crop's side is g·P, the grid shrinks to the cells of P + G pixels that fit into it.
  case fixed
}

/// What the online encoder gets of masked patches.
public enum MaskedInput: String, Sendable, CaseIterable {
  /// Nothing: it sees the visible ones alone.
  case removed
  /// A learned token in place of each.
  case token
}

/// Which encoders have a projector.
public enum ProjectorPlacement: String, Sendable, CaseIterable {
  /// The online encoder, and its average in the target encoder.
  case both
  /// The online encoder alone; targets are un-projected.
  case online
  case none
}

/// How the encoder of the targets comes to its weights (§3.3, Table 1).
public enum TargetOptimization: String, Sendable, CaseIterable {
  /// A moving average of the online encoder's; no gradient.
  case momentum
  /// The online encoder's own; no gradient.
  case siamese
  /// Weights of its own, trained by the loss through its own branch.
  case independent
  /// The online encoder's own, gradient through both branches.
  case joint
  /// Those of another encoder, the teacher, which stays as it is and sees whole crops.
  case frozen
  /// A random projection of a patch's pixels, which stays as it is.
  case randomProjection = "random_projection"
}

/// Which patches the target encoder sees.
public enum TargetInput: String, Sendable, CaseIterable {
  /// Those whose latents are wanted.
  case target
  /// All of the crop.
  case all
}

/// What is predicted where there are no latents.
public enum LowLevelTarget: String, Sendable, CaseIterable {
  /// The patch as the encoder sees it.
  case pixels
  /// Histograms of oriented gradients.
  case hog
}

/// What is done to latents before they are targets.
public enum TargetNorm: String, Sendable, CaseIterable {
  case none
  /// LayerNorm without parameters, token by token.
  case layer
}

/// What the target encoder sees of a crop.
public enum TargetView: String, Sendable, CaseIterable {
  /// What the online encoder sees.
  case same
  /// The same crop with other colours.
  case recolored
}

/// What predicts targets from visible tokens (§3.6, Table 4).
public enum DecoderKind: String, Sendable, CaseIterable {
  case crossAttention = "cross_attention"
  case selfAttention = "self_attention"
  /// One linear layer on the tokens that stand for masked patches.
  case linear
}

/// The factor of the visual cues' logits position_t · position_v.
public enum CueScale: String, Sendable, CaseIterable {
  /// 1/√D
  case sqrt
  /// 1
  case none
}

/// What a prediction is told apart from.
public enum Negatives: String, Sendable, CaseIterable {
  /// The other targets of the image.
  case target
  /// The latents of all patches of the image.
  case all
}

/// Which tokens of the online encoder the similarity constraint holds.
public enum SimilarityTokens: String, Sendable, CaseIterable {
  case projected
  case unprojected
}
