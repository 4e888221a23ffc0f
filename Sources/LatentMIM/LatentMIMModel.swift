import Compute
import Networks
import Tensors

/// Latent masked image modelling (Fig. 2): an online encoder sees a few patches, a decoder predicts from them the latents that the
/// target encoder, a moving average of the online one, gives the other patches.
public final class LatentMIMModel: @unchecked Sendable {
  public let configuration: ModelConfiguration
  public let encoder: VisionTransformer
  public let targetEncoder: VisionTransformer
  public let decoder: CrossAttentionDecoder

  private let objective: PatchDiscrimination
  private let constraint: SimilarityConstraint
  let average: MovingAverage
  private let encoderPositions: Tensor
  private let decoderPositions: Tensor

  /// A model with fresh weights; the target encoder starts as a copy of the online one.
  ///
  /// - Parameter seed: weights depend on it and on their names.
  /// - Throws: `ConfigurationError`, `OutOfMemory`.
  public init(_ configuration: ModelConfiguration, seed: UInt64 = 0) throws {
    try configuration.validate()
    self.configuration = configuration
    encoder = try VisionTransformer(configuration.encoderShape(projects: configuration.projector != .none))
    targetEncoder = try VisionTransformer(configuration.encoderShape(projects: configuration.projector == .both))
    decoder = try CrossAttentionDecoder(configuration.decoderShape, cueScale: configuration.cueFactor)
    encoder.initialize(prefix: "encoder", seed: seed)
    decoder.initialize(prefix: "decoder", seed: seed)
    average = try MovingAverage(target: targetEncoder.namedParameters(), online: encoder.namedParameters())
    average.update(momentum: 0)
    objective = PatchDiscrimination(configuration)
    constraint = SimilarityConstraint(configuration)
    encoderPositions = try configuration.positionTable.table(width: configuration.width)
    decoderPositions = try configuration.positionTable.table(width: configuration.decoderWidth)
  }

  /// The parameters that are trained: `encoder.*` and `decoder.*`.
  public var onlineParameters: [NamedParameter] {
    encoder.namedParameters(prefix: "encoder") + decoder.namedParameters(prefix: "decoder")
  }

  /// All parameters, `target_encoder.*` included.
  public var parameters: [NamedParameter] {
    onlineParameters + targetEncoder.namedParameters(prefix: "target_encoder")
  }

  /// target ← m·target + (1 − m)·online.
  public func updateTarget(momentum: Double) { average.update(momentum: Float(momentum)) }

  public func clearGradients() {
    for named in onlineParameters { named.parameter.tensor.gradient?.clear() }
  }

  /// The loss of a batch; its gradients are added to those of the online parameters.
  ///
  /// - Parameters:
  ///   - images: [B, cropHeight, cropWidth, channels], normalised.
  ///   - views: for B images.
  ///   - gamma: γ of the similarity constraint.
  /// - Throws: `ShapeError`, `ViewsError`, `NonFiniteError`: gradients are as before then; `OutOfMemory`, `Interrupted`: they may be
  ///   cleared.
  public func loss(_ images: Tensor, views: Views, gamma: Double) throws -> BatchMetrics {
    var pooled = PooledTokens()
    var metrics = try loss(images, views: views, gamma: gamma, share: 1, pooled: &pooled)
    (metrics.similarityImages, metrics.effectiveRank) = try pooled.similarityAndRank()
    return metrics
  }

  /// The same for one part of a batch: gradients are scaled by `share`, pooled tokens are left to the caller.
  func loss(
    _ images: Tensor, views: Views, gamma: Double, share: Float, pooled: inout PooledTokens
  ) throws -> BatchMetrics {
    try views.validate(configuration)
    guard images.shape.first == views.batch else {
      throw ShapeError("loss", "images have shape \(images.shape), views are for \(views.batch) images")
    }
    try requireFinite(images, name: "images")
    guard gamma.isFinite else { throw NonFiniteError(input: "gamma", index: [], value: Float(gamma)) }
    let (outputs, tape) = try Tape.record { try forward(images, views: views, gamma: Float(gamma)) }
    let metrics = outputs.metrics()
    guard metrics.loss.isFinite else { throw NonFiniteError(what: "the loss", value: metrics.loss) }
    do {
      try tape.backward(from: outputs.loss, scale: share)
    } catch {
      clearGradients()  // some parameters have their share, some do not
      throw error
    }
    try pooled.add(outputs.visible)
    return metrics
  }

  /// The most bytes that the loss of a batch and its gradients take, beyond what is in use; found in a dry run. Gradients collected are
  /// forgotten.
  ///
  /// - Parameter accumulates: whether gradients of an earlier batch are there already.
  /// - Throws: `ConfigurationError`.
  func peakBytes(batch: Int, accumulates: Bool) throws -> Int {
    clearGradients()
    let views = try Views.sample(configuration, seed: 0, images: Array(0..<batch))
    let shape = [batch, configuration.cropHeight, configuration.cropWidth, configuration.channels]
    return try DryRun.peakBytes {
      defer { clearGradients() }
      for _ in 0..<(accumulates ? 2 : 1) {
        let images = try Tensor(shape: shape, buffer: Buffer(count: shape.reduce(1, *)))
        let (outputs, tape) = try Tape.record { try forward(images, views: views, gamma: 0) }
        try tape.backward(from: outputs.loss)
      }
    }
  }

  private func forward(_ images: Tensor, views: Views, gamma: Float) throws -> Outputs {
    let batch = views.batch
    // First, because it needs most memory for a moment and leaves least.
    let targets = try Profile.$part.withValue("target encoder") {
      try Tape.pause { try targetLatents(images, views: views) }
    }
    let (visibleTokens, projected) = try Profile.$part.withValue("online encoder") {
      let tokens = try encoder(
        patches(images, cells: views.visible, views: views),
        positions: gatherRows(encoderPositions, indices: views.visible, images: batch))
      return (tokens, try encoder.project(tokens))
    }
    let predictions = try Profile.$part.withValue("decoder") {
      try decoder(
        projected, visiblePositions: gatherRows(decoderPositions, indices: views.visible, images: batch),
        targetPositions: gatherRows(decoderPositions, indices: views.target, images: batch))
    }

    let held = configuration.similarityTokens == .projected ? projected : visibleTokens
    let ofPredictions = try meanCosine(normalize(predictions))
    let ofVisible = try meanCosine(normalize(dropFirstToken(held)))
    let loss = try weightedSum(
      [(1, objective(predictions, targets))] + constraint.terms([ofPredictions, ofVisible], gamma: gamma))
    let visible = try dropFirstToken(projected).detached
    return Outputs(
      loss: loss, visible: visible, ofPredictions: ofPredictions, ofVisible: try meanCosine(normalize(visible)),
      ofTargets: try meanCosine(normalize(targets)))
  }

  /// What the target encoder says of the target patches: it sees them and the class token, nothing else. [B, T, C].
  private func targetLatents(_ images: Tensor, views: Views) throws -> Tensor {
    let tokens = try targetEncoder(
      patches(images, cells: views.target, views: views),
      positions: gatherRows(encoderPositions, indices: views.target, images: views.batch))
    return try dropFirstToken(targetEncoder.project(tokens))
  }

  private func patches(_ images: Tensor, cells: [Int32], views: Views) throws -> Tensor {
    try extractPatches(images, grid: configuration.patchGrid, cells: cells, offsets: views.offsets)
  }
}

/// What one forward pass leaves: the loss, projected visible tokens without gradient, and [B] similarities within images.
private struct Outputs {
  let loss: Tensor
  let visible: Tensor
  let ofPredictions: Tensor
  let ofVisible: Tensor
  let ofTargets: Tensor

  func metrics() -> BatchMetrics {
    var metrics = BatchMetrics()
    metrics.loss = Double(loss.item)
    metrics.similarityPredictions = mean(ofPredictions)
    metrics.similarityVisible = mean(ofVisible)
    metrics.similarityTargets = mean(ofTargets)
    return metrics
  }

  private func mean(_ values: Tensor) -> Double {
    values.values.reduce(0.0) { $0 + Double($1) } / Double(max(values.count, 1))
  }
}

extension ModelConfiguration {
  func encoderShape(projects: Bool) -> EncoderShape {
    EncoderShape(
      patchCount: patchSize * patchSize * channels, width: width, depth: depth, heads: heads, mlpRatio: mlpRatio,
      projector: projects ? ProjectorShape(width: projectorWidth, depth: projectorDepth) : nil)
  }

  fileprivate var decoderShape: DecoderShape {
    DecoderShape(
      encoderWidth: width, width: decoderWidth, depth: decoderDepth, heads: decoderHeads, mlpRatio: mlpRatio)
  }

  fileprivate var cueFactor: Float { cueScale == .sqrt ? 1 / Float(decoderWidth).squareRoot() : 1 }
}

/// A number that is not finite where one was wanted: training went astray, or the input was bad.
public struct NonFiniteError: DescribedError {
  public let kind: ErrorKind
  public let description: String

  /// The computation itself gave `value`.
  init(what: String, value: Double) {
    kind = .notFinite
    description = "\(what) is \(value): the learning rate may be too high; no weights were changed by this step"
  }

  /// The computation gave numbers that are not finite.
  init(what: String, problem: String) {
    kind = .notFinite
    description = "\(what) hold numbers that are not finite: \(problem)"
  }

  /// Input data holds `value` at `index`.
  init(input: String, index: [Int], value: Float) {
    kind = .value
    description = "\(input): the value at \(index) is \(value), wanted finite numbers"
  }
}

/// - Throws: `NonFiniteError` naming the first element that is infinite or not a number.
func requireFinite(_ x: Tensor, name: String) throws {
  // A sum of squares is finite only if every element is (or all are huge: then the search below finds none).
  guard !sumOfSquares(x.pointer, count: x.count).isFinite else { return }
  guard let first = x.buffer.values.firstIndex(where: { !$0.isFinite }) else { return }
  var rest = first
  var index: [Int] = []
  for size in x.shape.reversed() {
    index.insert(rest % size, at: 0)
    rest /= size
  }
  throw NonFiniteError(input: name, index: index, value: x.pointer[first])
}
