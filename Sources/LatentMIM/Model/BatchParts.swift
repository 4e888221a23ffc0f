import Compute
import Tensors

/// One part of a batch that is computed in several, one after the other.
struct BatchPart {
  let crops: TrainingCrops
  /// Which images of the batch they are, over all ranks.
  let images: Range<Int>
  /// 1 / the number of parts, over all ranks.
  let share: Float
}

extension LatentMIMModel {
  /// Whether the loss of a batch is more than the mean of its parts' losses, so that `mixedTerms` are wanted first.
  var mixesImages: Bool { parts.mixesImages }

  /// What one part adds to `mixedTerms`.
  ///
  /// - Throws: as `loss`.
  func mixedValues(_ crops: TrainingCrops) throws -> [MixedValues] {
    try crops.validate(configuration)
    return try Tape.pause { try parts.mixedValues(crops) }
  }

  /// The terms of the loss that mix images; the gradients of what they alone are computed with are added.
  ///
  /// - Parameter values: of all parts of a batch.
  /// - Throws: as `loss`.
  func mixedTerms(_ values: [[MixedValues]], gamma: Double) throws -> MixedTerms {
    let crops = try (0..<(values.first?.count ?? 0)).map { crop in try MixedValues.leaves(values.map { $0[crop] }) }
    let (loss, tape) = try Tape.record { try weightedSum(parts.mixedTerms(crops, gamma: Float(gamma))) }
    let value = Double(loss.item)
    guard value.isFinite else { throw NonFiniteError(what: "the loss", value: value) }
    try tape.backward(from: loss)
    return try MixedTerms(value: value, of: crops)
  }

  /// The loss of one part, `mixedTerms` left out where they are given; its share of the batch's gradient is added to
  /// those of the online parameters. Pooled tokens are left to the caller.
  ///
  /// - Parameters:
  ///   - mixed: gives them, from what this part adds to them; nil where the part is the whole batch.
  ///   - requiresFinite: whether a loss that is not finite is an error here; its gradient is not finite then.
  ///   - afterEach: is called behind each operation of the backward pass.
  /// - Throws: as `loss`.
  func loss(
    _ part: BatchPart, gamma: Double, mixed: (([MixedValues]) throws -> MixedTerms)?, pooled: inout PooledTokens,
    requiresFinite: Bool = true, afterEach: (() throws -> Void)? = nil
  ) throws -> BatchMetrics {
    var objective = 0.0
    var metrics = try self.part(
      part.crops, gamma: gamma, pooled: &pooled, requiresFinite: requiresFinite, afterEach: afterEach
    ) { outputs in
      let values = outputs.map(\.mixed)
      let terms = parts.objectiveTerms(outputs, share: part.share)
      objective = terms.reduce(0) { $0 + Double($1.factor) * Double($1.term.item) }
      guard let mixed else {
        return terms + (try parts.mixedTerms(values, gamma: Float(gamma)).map { (part.share * $0.factor, $0.term) })
      }
      let ofBatch = try Tape.pause { try mixed(values) }
      return terms + (try ofBatch.share(of: values, images: part.images))
    }
    // What shares of mixed terms were added have their gradient, but no meaning of their own.
    metrics.loss = (mixed == nil ? metrics.loss : objective) / Double(part.share)
    return metrics
  }

  /// Computes crops, and the gradient of the sum of what `terms` makes of them.
  func part(
    _ crops: TrainingCrops, gamma: Double, pooled: inout PooledTokens, requiresFinite: Bool = true,
    afterEach: (() throws -> Void)? = nil, _ terms: ([ForwardOutputs]) throws -> [(factor: Float, term: Tensor)]
  ) throws -> BatchMetrics {
    try crops.validate(configuration)
    guard gamma.isFinite else { throw NonFiniteError(input: "gamma", index: [], value: Float(gamma)) }
    let ((outputs, loss), tape) = try Tape.record {
      let outputs = try parts.forward(crops)
      return (outputs, try weightedSum(terms(outputs)))
    }
    let metrics = BatchMetrics(loss: Double(loss.item), outputs)
    guard metrics.loss.isFinite || !requiresFinite else {
      throw NonFiniteError(what: "the loss", value: metrics.loss)
    }
    do {
      try tape.backward(from: loss, afterEach: afterEach)
    } catch {
      clearGradients()  // some parameters have their share, some do not
      throw error
    }
    try pooled.add(outputs[0].visible)
    return metrics
  }

  /// The most bytes that the loss of a batch and its gradients take, beyond what is in use; found in a dry run.
  /// Gradients collected are forgotten.
  ///
  /// - Parameters:
  ///   - batch: images of one part.
  ///   - parts: of the batch.
  /// - Throws: `ConfigurationError`.
  func peakBytes(batch: Int, parts count: Int) throws -> Int {
    clearGradients()
    let views = try Views.sample(configuration, seed: 0, images: Array(0..<batch))
    let shape = [batch, configuration.cropHeight, configuration.cropWidth, configuration.channels]
    func images() throws -> Tensor { try Tensor(shape: shape, buffer: Buffer(count: shape.reduce(1, *))) }
    func crops() throws -> TrainingCrops {
      TrainingCrops(
        try images(), views: views, targetImages: configuration.targetView == .recolored ? try images() : nil,
        second: configuration.contrastCoefficient > 0 ? (try images(), views) : nil)
    }
    let isHeld = count > 1 && needsWholeBatch
    return try DryRun.peakBytes {
      defer { clearGradients() }
      let held = try (0..<(isHeld ? count - 1 : 0)).map { _ in try crops() }
      try withExtendedLifetime(held) {
        for _ in 0..<min(count, 2) { try withExtendedLifetime(crops()) { try goThrough($0) } }
      }
    }
  }

  /// The loss of crops and its gradient, for a dry run.
  private func goThrough(_ crops: TrainingCrops) throws {
    let (loss, tape) = try Tape.record {
      let outputs = try parts.forward(crops)
      return try weightedSum(parts.objectiveTerms(outputs) + parts.mixedTerms(outputs.map(\.mixed), gamma: 0))
    }
    try tape.backward(from: loss)
  }

  /// Whether all images of a batch must be there before the first part is computed.
  var needsWholeBatch: Bool { mixesImages || configuration.mask == .multiBlock }
}
