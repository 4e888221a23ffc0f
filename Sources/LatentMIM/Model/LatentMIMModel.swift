import Compute
import Networks
import Tensors

/// Latent masked image modelling (Fig. 2): an online encoder sees a few patches, a decoder predicts from them what a
/// target source (a moving average of the encoder, by default) says of the others. The configuration chooses each part.
public final class LatentMIMModel: @unchecked Sendable {
  public let configuration: ModelConfiguration
  public let encoder: VisionTransformer
  /// Its own network for targets; nil where targets come from the online encoder, or from no encoder.
  public let targetEncoder: VisionTransformer?
  public let decoder: any Decoder

  private(set) var parts: ModelParts
  /// What targets are taken from where they are a frozen encoder's; nil elsewhere, and until it is given.
  public private(set) var teacher: Encoder?
  /// What makes the target encoder follow the online one; nil where it does not.
  let average: MovingAverage?

  /// A model with fresh weights; a momentum target encoder starts as a copy of the online one.
  ///
  /// - Parameters:
  ///   - seed: weights depend on it and on their names.
  ///   - start: the encoder that both encoders begin as; see `takeWeights`.
  ///   - teacher: of frozen targets.
  /// - Throws: `ConfigurationError`, `OutOfMemory`.
  public init(
    _ configuration: ModelConfiguration, seed: UInt64 = 0, start: Encoder? = nil, teacher: Encoder? = nil
  ) throws {
    try configuration.validate()
    self.configuration = configuration
    let parts = try ModelParts(configuration)
    (self.parts, encoder, targetEncoder, decoder) = (parts, parts.encoder, parts.targetEncoder, parts.decoder)
    average =
      configuration.targetEncoder == .momentum
      ? try parts.targetEncoder.map {
        try MovingAverage(target: $0.namedParameters(), online: parts.encoder.namedParameters())
      } : nil
    encoder.initialize(prefix: "encoder", seed: seed)
    decoder.initialize(prefix: "decoder", seed: seed)
    targetEncoder?.initialize(prefix: "target_encoder", seed: seed)
    parts.predictor?.initialize(prefix: "predictor", seed: seed)
    parts.projection?.initialize(prefix: "target_projection", seed: seed)
    if let start { try takeWeights(of: start) }
    average?.update(momentum: 0)
    for network in [encoder, targetEncoder].compactMap({ $0 }) {
      for named in network.namedParameters() where !configuration.trains(named.name) { named.parameter.freeze() }
    }
    if let teacher { try setTeacher(teacher) }
  }

  /// Takes frozen targets from an encoder, whose weights must not change any more.
  ///
  /// - Throws: `ConfigurationError` where targets are not a frozen encoder's, or were another's.
  public func setTeacher(_ teacher: Encoder) throws {
    try configuration.check(teacher: teacher)
    self.teacher = teacher
    parts.setTeacher(teacher)
  }

  /// The parameters that are trained: `encoder.*`, `decoder.*`, and `target_encoder.*` where it is trained for itself.
  public var onlineParameters: [NamedParameter] { ownParameters.filter { $0.parameter.isTrained } }

  /// All parameters, those that are trained first, `target_encoder.*` included.
  public var parameters: [NamedParameter] {
    onlineParameters + ownParameters.filter { !$0.parameter.isTrained } + (average == nil ? [] : targetParameters)
      + (parts.projection?.namedParameters(prefix: "target_projection") ?? [])
  }

  /// Those that follow no others.
  private var ownParameters: [NamedParameter] {
    let own =
      encoder.namedParameters(prefix: "encoder") + decoder.namedParameters(prefix: "decoder")
      + (parts.predictor?.namedParameters(prefix: "predictor") ?? [])
    return average == nil ? own + targetParameters : own
  }

  private var targetParameters: [NamedParameter] {
    targetEncoder?.namedParameters(prefix: "target_encoder") ?? []
  }

  /// target ← m·target + (1 − m)·online; nothing where no target encoder follows.
  ///
  /// - Throws: `ArgumentError` for a momentum outside 0 … 1.
  public func updateTarget(momentum: Double) throws {
    guard (0...1).contains(momentum) else { throw ArgumentError("momentum is \(momentum), wanted 0 … 1") }
    average?.update(momentum: Float(momentum))
  }

  public func clearGradients() {
    for named in onlineParameters { named.parameter.tensor.gradient?.clear() }
  }

  /// The loss of a batch; its gradients are added to those of the online parameters.
  ///
  /// - Parameters:
  ///   - images: [B, cropHeight, cropWidth, channels], normalised.
  ///   - views: for B images.
  ///   - gamma: γ of the similarity constraint.
  /// - Throws: as for crops with more than that.
  public func loss(_ images: Tensor, views: Views, gamma: Double) throws -> BatchMetrics {
    try loss(TrainingCrops(images, views: views), gamma: gamma)
  }

  /// The loss of a batch; its gradients are added to those of the online parameters.
  ///
  /// - Throws: `ShapeError`, `ViewsError`, `ConfigurationError` where parts are missing or too many, `NonFiniteError`:
  ///   gradients are as before then; `OutOfMemory`, `Interrupted`: they may be cleared.
  public func loss(_ crops: TrainingCrops, gamma: Double) throws -> BatchMetrics {
    var pooled = PooledTokens()
    var metrics = try loss(crops, gamma: gamma, pooled: &pooled)
    (metrics.similarityImages, metrics.effectiveRank) = try pooled.similarityAndRank()
    return metrics
  }

  private func loss(_ crops: TrainingCrops, gamma: Double, pooled: inout PooledTokens) throws -> BatchMetrics {
    try part(crops, gamma: gamma, pooled: &pooled) { outputs in
      try parts.objectiveTerms(outputs) + parts.mixedTerms(outputs.map(\.mixed), gamma: Float(gamma))
    }
  }
}
