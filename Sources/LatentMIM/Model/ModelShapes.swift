import Compute
import Files
import Networks
import Tensors

extension ModelConfiguration {
  /// The online encoder.
  var encoderShape: EncoderShape {
    var shape = encoderShape(projects: projector != .none)
    shape.hasMaskToken = maskedInput == .token
    return shape
  }

  /// A network for targets alone: no blocks but those that are used.
  var targetEncoderShape: EncoderShape {
    var shape = encoderShape(projects: projectsTargets)
    shape.depth = usedTargetDepth
    return shape
  }

  /// Whether targets go through a projector.
  var projectsTargets: Bool { projector == .both && targetLayers == 0 }

  /// Whether there is one.
  var hasTargetEncoder: Bool { targetDepth != 0 && [.momentum, .independent].contains(targetEncoder) }

  /// Whether targets are what the encoder, or another of its shape, makes of patches.
  var hasLatentTargets: Bool { targetDepth != 0 && ![.frozen, .randomProjection].contains(targetEncoder) }

  /// Whether targets are an encoder's and get no gradient, so that they may be computed at a precision of their own.
  var hasConstantLatents: Bool { targetDepth != 0 && [.momentum, .siamese, .frozen].contains(targetEncoder) }

  /// - Throws: `ConfigurationError` where targets of this model have no precision of their own.
  public func check(targetPrecision: Precision?) throws {
    guard let targetPrecision, !hasConstantLatents else { return }
    throw ConfigurationError(
      "target_precision",
      "is '\(targetPrecision.rawValue)', wanted null: targets of this model are no encoder's, or get a gradient")
  }

  func encoderShape(projects: Bool) -> EncoderShape {
    var shape = EncoderShape(
      patchCount: patchSize * patchSize * channels, width: width, depth: depth, heads: heads, mlpRatio: mlpRatio,
      projector: projects ? ProjectorShape(width: projectorWidth, depth: projectorDepth) : nil)
    (shape.hasClassToken, shape.registers) = (classToken, registers)
    (shape.epsilon, shape.loraRank) = (Float(normEpsilon), loraRank)
    return shape
  }

  /// - Throws: `ShapeError`, `OutOfMemory`.
  func positionEmbedding(width: Int) throws -> PositionEmbedding {
    try PositionEmbedding(positionTable.table(width: width), isLearned: learnPositions)
  }

  /// - Throws: `OutOfMemory`.
  func makeDecoder() throws -> any Decoder {
    var shape = DecoderShape(
      encoderWidth: width, targetWidth: targetWidth, width: decoderWidth, depth: decoderDepth, heads: decoderHeads,
      mlpRatio: mlpRatio)
    shape.readsClassToken = classToken
    switch decoder {
    case .linear: return try LinearDecoder(shape)
    case .selfAttention:
      return try SelfAttentionDecoder(shape, positions: positionEmbedding(width: decoderWidth))
    case .crossAttention:
      return try CrossAttentionDecoder(
        shape, positions: positionEmbedding(width: decoderWidth), cueScale: visualCues ? cueFactor : nil)
    }
  }

  private var cueFactor: Float { cueScale == .sqrt ? 1 / Float(decoderWidth).squareRoot() : 1 }

  /// What the online branch drops in one step; nil: nothing.
  ///
  /// - Parameters:
  ///   - seed: of the run.
  ///   - step: which step it is.
  public func dropoutPlan(seed: UInt64, step: Int = 0) -> DropoutPlan? {
    guard dropout > 0 || dropPath > 0 else { return nil }
    return DropoutPlan(
      stream: RandomStream(seed: seed, purpose: .dropout, epoch: step), dropPath: Float(dropPath),
      dropout: Float(dropout)
    )
  }
}
