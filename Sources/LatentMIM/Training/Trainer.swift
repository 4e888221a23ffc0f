import Compute
import Images
import Networks
import Tensors

/// What is measured of one optimiser step.
public struct StepMetrics: Sendable {
  public let batch: BatchMetrics
  /// Steps done, this one included; zero-based epoch it belongs to.
  public let step: Int
  public let epoch: Int
  public let values: StepValues
  /// √Σg² over all trained parameters.
  public let gradientNorm: Double
  public let imagesPerSecond: Double

  /// Everything by name, as logs have it.
  public var named: [Metric] {
    [Metric("step", count: step), Metric("epoch", count: epoch)] + batch.named + [
      Metric("learning_rate", values.learningRate), Metric("target_momentum", values.targetMomentum),
      Metric("gamma", values.gamma), Metric("gradient_norm", gradientNorm),
      Metric("images_per_second", imagesPerSecond),
    ]
  }
}

/// Trains a model on a data set, step by step: schedules, target average, loss, gradients, AdamW.
///
/// Views, crops and the order of images depend on the seed, the epoch and the image alone, so a run that was saved and
/// restored goes on bit by bit as if it had not been stopped.
public final class Trainer: @unchecked Sendable {
  public let model: LatentMIMModel
  /// As it was given, but that `precision` is what the run computes with: "auto" is resolved when a run begins, and a
  /// resumed run keeps what it began with.
  public internal(set) var configuration: TrainingConfiguration
  public let schedule: Schedule
  /// Optimiser steps of an epoch; a last incomplete batch is left out.
  public let stepsPerEpoch: Int
  /// Where the schedules stand and where they end: those of all epochs, unless `reschedule` was called.
  public internal(set) var span: ScheduleSpan
  /// Optimiser steps of the whole run.
  public var totalSteps: Int { span.totalSteps }
  /// How far the schedules are, 0 … 1.
  public var progress: Double { span.progress(at: step) }
  /// Steps done.
  public internal(set) var step = 0

  let optimizer: AdamW
  let dataset: any ImageDataset
  /// What a checkpoint remembers the images by.
  public private(set) lazy var dataFingerprint = dataset.fingerprint
  /// Whether `precision` was left to the machine.
  let choosesPrecision: Bool
  private(set) var batches: TrainingBatches
  /// Those that train together with this one; nil where it is alone.
  private(set) var ranks: Ranks?
  private var reduction: GradientReduction?
  /// Whether the last step had all its exchanges.
  private var isInStep = true
  /// Whether ranks are known to have the same.
  var hasCheckedRanks = false
  /// Steps that the target encoder was averaged for: once for each, also where a step is tried again.
  var averagedSteps = 0
  /// Whether a step is known to fit in memory.
  var hasCheckedMemory = false
  private var collapse: CollapseGuard

  /// - Throws: `ConfigurationError`, `PrecisionError`, `LoaderError` where the data set holds less than one batch,
  ///   `ImageError` where its channels are not the model's, `OutOfMemory`.
  public init(_ model: LatentMIMModel, dataset: any ImageDataset, configuration: TrainingConfiguration) throws {
    try configuration.validate()
    var configuration = configuration
    try model.configuration.check(targetPrecision: configuration.targetPrecision)
    choosesPrecision = configuration.precision == .auto
    _ = try configuration.targetPrecision?.arithmetic(option: "target_precision")
    configuration.precision = .named(try configuration.precision.arithmetic())
    self.model = model
    self.dataset = dataset
    self.configuration = configuration
    schedule = Schedule(configuration)
    collapse = CollapseGuard(configuration)
    stepsPerEpoch = try BatchPlan(
      count: dataset.count, batchSize: configuration.batchSize, order: .shuffled, seed: configuration.randomSeed
    ).batchesPerEpoch
    span = ScheduleSpan(totalSteps: stepsPerEpoch * configuration.epochs)
    guard dataset.channels == model.configuration.channels else {
      throw ImageError.channels(dataset.channels, wanted: model.configuration.channels)
    }
    batches = try TrainingBatches(dataset, configuration, for: model.configuration)
    optimizer = try AdamW(
      model.onlineParameters, beta1: Float(configuration.beta1), beta2: Float(configuration.beta2),
      epsilon: Float(configuration.epsilon), weightDecay: Float(configuration.weightDecay))
  }

  /// Makes this one of several that train the same model on the same images together, each on its share of every batch:
  /// loss, metrics and weights are those of one trainer of all, but for the rounding of sums.
  ///
  /// - Parameters:
  ///   - communicator: how ranks reach each other.
  ///   - wire: what gradients are sent as, `.float32` or `.bfloat16`.
  /// - Throws: `ConfigurationError` where a batch does not divide, `RanksError`, `OutOfMemory`. The trainer is as
  ///   before then.
  public func join(_ communicator: any Communicator, wire: Element = .float32) throws {
    let ranks = try Ranks(communicator, wire: wire)
    let batches = try TrainingBatches(dataset, configuration, for: model.configuration, ranks)
    reduction = try GradientReduction(model.onlineParameters, ranks)
    (self.ranks, self.batches) = (ranks, batches)
    (hasCheckedMemory, hasCheckedRanks) = (false, false)
  }

  /// Bytes that gradients take on their way to other ranks.
  var wireBytes: Int { reduction?.bytes ?? 0 }

  /// One optimiser step; nil when the run is over. Several ranks can go on after `CollapseError` and `NonFiniteError`,
  /// which all of them throw; what one of them throws leaves the others waiting.
  ///
  /// - Throws: `StepTooLarge` before the first; `NonFiniteError` when the loss is not finite, errors of the data set,
  ///   `Interrupted`, `OutOfMemory`. The step has not been taken then and can be tried again. `CollapseError`, where
  ///   the configuration watches for it: the step has been taken.
  public func next() throws -> StepMetrics? {
    guard step < totalSteps else { return nil }
    guard isInStep || ranks == nil else { throw RanksError("a step failed, and they are no longer in step") }
    try checkMemory()
    try checkRanks()
    let metrics: StepMetrics
    do {
      metrics = try takeStep()
    } catch {
      model.clearGradients()
      // Batches may have been taken from it for nothing.
      batches.rewind()
      throw error
    }
    try collapse.check(metrics.batch, step: step)
    return metrics
  }

  /// Whether the last step crossed a threshold of collapse: what it left is not worth keeping.
  public var looksCollapsed: Bool { collapse.streak > 0 }

  private func takeStep() throws -> StepMetrics {
    let start = monotonicSeconds()
    isInStep = false
    let epoch = step / stepsPerEpoch
    let values = schedule.values(at: progress)
    var metrics = BatchMetrics()
    var pooled = PooledTokens()
    model.clearGradients()  // what somebody looked at between steps is not part of this one
    let count = configuration.accumulationSteps
    let isShared = count > 1 || ranks != nil
    let batch = try isShared && model.needsWholeBatch ? wholeBatch(count, epoch) : nil
    try averageTarget(values.targetMomentum)
    let isMixed = isShared && model.mixesImages
    var mixed = try isMixed && count > 1 ? batch.map { try mixedTerms(valuesBefore($0), gamma: values.gamma) } : nil
    // A rank's only part finds them on its way, and is computed once.
    let termsOfBatch = { [self] (own: [MixedValues]) in
      let terms = try mixed ?? mixedTerms([own], gamma: values.gamma)
      mixed = terms
      return terms
    }
    for index in 0..<count {
      let part = try batch?[index] ?? nextPart(index, of: count, epoch)
      let isLast = index == count - 1
      if isLast { reduction?.begin() }
      let found = try compute(part) {
        try model.loss(
          part, gamma: values.gamma, mixed: isMixed ? termsOfBatch : nil, pooled: &pooled, requiresFinite: ranks == nil,
          afterEach: isLast ? reduction?.progress : nil)
      }
      metrics.add(found, share: 1 / Double(count))
    }
    metrics.loss += mixed?.value ?? 0
    // While gradients are on their way, the last of them, too.
    try reduction?.progress()
    if let ranks { pooled = try pooled.gathered(ranks) }
    (metrics.similarityImages, metrics.effectiveRank) = try pooled.similarityAndRank()
    try reduction?.finish()
    let norm = Profile.measure("gradient norm") { optimizer.gradientNorm() }
    if let ranks {
      try ranks.requireSame(gradientNorm: norm)
      try metrics.takeMeans(ranks)
    }
    isInStep = true
    guard metrics.loss.isFinite else { throw NonFiniteError(what: "the loss", value: metrics.loss) }
    guard norm.isFinite else { throw NonFiniteError(what: "the gradient's norm", value: norm) }
    Profile.measure("AdamW and target average", bytes: optimizer.bytesPerStep) { update(values) }
    model.clearGradients()
    step += 1
    return StepMetrics(
      batch: metrics, step: step, epoch: epoch, values: values, gradientNorm: norm,
      imagesPerSecond: Double(configuration.batchSize) / max(monotonicSeconds() - start, 1e-9))
  }

  /// All parts of a step's batch.
  private func wholeBatch(_ parts: Int, _ epoch: Int) throws -> [BatchPart] {
    try (0..<parts).map { _ in try nextCrops() }
      .parts(of: model.configuration, seed: configuration.randomSeed, epoch: epoch, ranks)
  }

  private func nextPart(_ index: Int, of parts: Int, _ epoch: Int) throws -> BatchPart {
    let loaded = try nextCrops()
    return BatchPart(
      crops: try loaded.crops(of: model.configuration, seed: configuration.randomSeed, epoch: epoch),
      images: loaded.images(ofPart: index, ranks), share: 1 / Float(parts * (ranks?.size ?? 1)))
  }

  private func nextCrops() throws -> LoadedCrops {
    try Profile.measure("waiting for images") { try batches.next(from: loadingStart, until: lastEpoch) }
  }

  /// What the parts of a batch add to the terms that mix images, found before their losses.
  private func valuesBefore(_ batch: [BatchPart]) throws -> [[MixedValues]] {
    try batch.map { part in try compute(part) { try model.mixedValues(part.crops) } }
  }

  /// The terms of the loss that mix images, of a batch that is computed in parts.
  ///
  /// - Parameter own: what this rank's parts add to them.
  private func mixedTerms(_ own: [[MixedValues]], gamma: Double) throws -> MixedTerms {
    let values = try ranks.map { try own.gathered($0) } ?? own
    // What these throw all ranks throw: they have the same values.
    isInStep = true
    let terms = try configuration.compute { try model.mixedTerms(values, gamma: gamma) }
    isInStep = false
    // All ranks have found the whole batch's gradient, and what they have is added up.
    if let ranks, ranks.rank > 0 {
      for named in model.onlineParameters { try named.parameter.tensor.gradient?.setToZero() }
    }
    return terms
  }

  private func compute<Result>(_ part: BatchPart, _ body: () throws -> Result) throws -> Result {
    var dropoutPlan = model.configuration.dropoutPlan(seed: configuration.randomSeed, step: step)
    dropoutPlan?.images = .from(part.images.lowerBound)
    return try configuration.compute(dropoutPlan: dropoutPlan, body)
  }

  /// Moves the weights, and in the same pass the target encoder as the next step will want it.
  private func update(_ values: StepValues) {
    guard step + 1 < totalSteps else {
      return optimizer.update(
        learningRate: Float(values.learningRate), weightDecay: Float(values.weightDecay))
    }
    let next = schedule.values(at: span.progress(at: step + 1))
    optimizer.update(
      learningRate: Float(values.learningRate), weightDecay: Float(values.weightDecay),
      average: model.average.map { ($0, Float(next.targetMomentum)) })
    averagedSteps = step + 2
  }

  /// Before targets are computed, once a step: here where the step before has not done it. At the very first the target
  /// is a copy and stays one.
  private func averageTarget(_ momentum: Double) throws {
    guard averagedSteps <= step else { return }
    try model.updateTarget(momentum: momentum)
    averagedSteps = step + 1
  }

  /// Where loading begins: the epoch and the number of the part in it.
  private var loadingStart: (epoch: Int, part: Int) {
    (step / stepsPerEpoch, step % stepsPerEpoch * configuration.accumulationSteps)
  }

  /// The epoch that loading ends before. A run that is rescheduled may become longer: its loader does not end.
  private var lastEpoch: Int { span == allEpochs ? configuration.epochs : 1 << 31 }

  /// The span of a run of all epochs.
  var allEpochs: ScheduleSpan { ScheduleSpan(totalSteps: stepsPerEpoch * configuration.epochs) }

  /// Lets the run end after another number of steps: from here on, at `progress`, its schedules go evenly to their end
  /// there. Checkpoints hold it.
  ///
  /// - Parameters:
  ///   - progress: how far the schedules are, 0 … 1; of `self.progress` nothing jumps.
  ///   - totalSteps: steps of the whole run, those done included.
  ///   - seconds: what the run has taken, for whoever ends it by the clock; kept with the rest.
  /// - Throws: `ArgumentError` where one is outside its range.
  public func reschedule(progress: Double, totalSteps: Int, seconds: Double) throws {
    let wasOpen = span != allEpochs
    span = try ScheduleSpan(begin: step, progress: progress, totalSteps: totalSteps, seconds: seconds)
    if !wasOpen { batches.rewind() }
  }

  /// Forgets batches loaded ahead: the next step begins where `step` says.
  func rewindLoader() { batches.rewind() }
}

extension BatchMetrics {
  fileprivate mutating func add(_ part: BatchMetrics, share: Double) {
    loss += share * part.loss
    objectiveLoss += share * part.objectiveLoss
    similarityPredictions += share * part.similarityPredictions
    similarityVisible += share * part.similarityVisible
    similarityTargets += share * part.similarityTargets
  }
}
