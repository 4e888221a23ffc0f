/// Named configurations: the two readings of the method, and the methods it is compared with, made of the same parts.
public enum Preset: String, Sendable, CaseIterable {
  /// The authors' code with the arguments of their published command.
  case official
  /// The paper taken literally.
  case paper
  /// He et al. 2022.
  case mae
  /// Xie et al. 2022.
  case simmim
  /// Wei et al. 2022.
  case maskfeat
  /// Baevski et al. 2022.
  case data2vec
  /// Yi et al. 2023.
  case conmim
  /// Assran et al. 2023.
  case ijepa

  /// The share of patches that are masked where nothing else is said.
  var maskRatio: Double {
    switch self {
    case .official, .paper: 0.9
    case .mae, .conmim, .ijepa: 0.75
    case .simmim: 0.6
    case .maskfeat: 0.4
    case .data2vec: 120.0 / 196
    }
  }
}

extension ModelConfiguration {
  /// The model (ViT-B/16) as `preset` has it.
  public init(preset: Preset = .official) {
    self.init()
    switch preset {
    case .official: break
    case .paper: setPaper()
    case .mae, .simmim, .maskfeat, .data2vec, .conmim, .ijepa: setBaseline(preset)
    }
  }

  private mutating func setPaper() {
    gapOffset = .inclusive
    positions = .index
    projector = .online
    cueScale = .none
    standardizePredictions = false
    lossScale = 1
    similarityForm = .image
    similarityTokens = .unprojected
  }

  private mutating func setBaseline(_ preset: Preset) {
    (patchGap, positions, projector, similarityCoefficient) = (0, .index, .none, 0)
    visualCues = false
    setMask(preset)
    switch preset {
    case .mae:
      (decoder, decoderDepth) = (.selfAttention, 8)
      (targetDepth, objective) = (0, .normalizedMSE)
    case .simmim: (targetDepth, objective) = (0, .l1)
    case .maskfeat: (targetDepth, lowLevelTarget, objective) = (0, .hog, .mse)
    case .data2vec:
      (targetSees, targetLayers) = (.all, 6)
      (objective, huberDelta) = (.smoothL1, 2)
    case .conmim:
      (targetSees, targetView, negatives) = (.all, .recolored, .all)
      (temperature, lossScale, standardizePredictions) = (0.1, 10, false)
    case .ijepa:
      (targetSees, targetNorm, objective) = (.all, .layer, .smoothL1)
      (decoder, decoderWidth, decoderDepth, decoderHeads) = (.selfAttention, 384, 12, 12)
      classToken = false
    case .official, .paper: break
    }
  }

  /// What the encoders of the baselines see.
  private mutating func setMask(_ preset: Preset) {
    if [.simmim, .maskfeat, .data2vec, .conmim].contains(preset) { (maskedInput, decoder) = (.token, .linear) }
    if [.simmim, .conmim].contains(preset) { maskBlock = 2 }
    if [.maskfeat, .data2vec].contains(preset) { mask = .blockWise }
    if preset == .ijepa { mask = .multiBlock }
    setVisible(maskRatio: preset.maskRatio)
  }
}

extension TrainingConfiguration {
  /// How `preset` is trained.
  public init(preset: Preset = .official) {
    self.init()
    switch preset {
    case .official: break
    case .paper, .mae: finalLearningRate = 0
    case .simmim: (finalLearningRate, cropArea) = (0, [0.67, 1])
    case .maskfeat: (finalLearningRate, cropArea) = (0, [0.5, 1])
    case .data2vec: (finalLearningRate, targetMomentum, targetMomentumEnd) = (0, 0.9998, 0.9998)
    case .conmim: (finalLearningRate, targetMomentum) = (0, 0.996)
    case .ijepa:
      (finalLearningRate, targetMomentum, momentumSchedule) = (0, 0.996, .linear)
      (weightDecay, weightDecayEnd) = (0.04, 0.4)
      (cropArea, flip) = ([0.3, 1], false)
    }
  }
}
