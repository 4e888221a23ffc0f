import Compute

/// How much memory a training step takes, in bytes, known before the first one.
public struct MemoryEstimate: Sendable {
  /// All weights, the target encoder's and a teacher's included, and the optimiser's two moments.
  public let weights: Int
  public let moments: Int
  /// What a step takes besides at its fullest: the batch, activations, gradients, working memory.
  public let step: Int
  /// Batches loaded ahead.
  public let loader: Int
  /// All of that together.
  public var total: Int { weights + moments + step + loader }
}

extension Trainer {
  /// Predicts the most memory that a step will take, by going through the motions without computing. The process
  /// itself, its libraries and whatever else it holds are not counted.
  ///
  /// - Throws: `PrecisionError`.
  public func memoryEstimate() throws -> MemoryEstimate {
    let batch = configuration.partSize(ranks: ranks?.size ?? 1)
    let step = try configuration.compute {
      try model.peakBytes(batch: batch, parts: configuration.accumulationSteps)
    }
    let pixels = model.configuration.cropHeight * model.configuration.cropWidth * model.configuration.channels
    return MemoryEstimate(
      weights: model.parameters.reduce(model.teacher?.bytes ?? 0) { $0 + $1.parameter.tensor.buffer.bytes },
      moments: optimizer.slots.reduce(0) { $0 + $1.mean.bytes + $1.square.bytes }, step: step + wireBytes,
      loader: batches.imagesOfEach * batches.ahead * batch * pixels * Element.float32.size)
  }
}

/// A step that takes more memory than there is: found out before the first one.
public struct StepTooLarge: DescribedError {
  public let kind = ErrorKind.memory
  public let description: String

  init(_ estimate: MemoryEstimate?, left: Int, _ limit: MemoryLimit, _ training: TrainingConfiguration) {
    let wanted = estimate.map { "\(gigabytes($0.step + $0.loader)) GB" } ?? "more address space than there is"
    var advice = ["a smaller batch_size (now \(training.batchSize))"]
    if training.accumulationSteps < training.batchSize {
      advice.append("more accumulation_steps (now \(training.accumulationSteps))")
    }
    if !training.recompute { advice.append("recompute = true") }
    description =
      "a step takes \(wanted) and \(gigabytes(left)) GB are left: \(limit.name) \(gigabytes(limit.bytes)) GB; "
      + "what helps: " + advice.joined(separator: ", ")
  }
}

private func gigabytes(_ bytes: Int) -> String {
  let tenths = (max(bytes, 0) + 50_000_000) / 100_000_000
  return "\(tenths / 10).\(tenths % 10)"
}

extension Trainer {
  /// Compares a step with what is left, once: the system would end a process that takes more, without a word.
  ///
  /// - Throws: `StepTooLarge`.
  func checkMemory() throws {
    guard !hasCheckedMemory else { return }
    let limit = MemoryLimit.current()
    let estimate: MemoryEstimate?
    do {
      estimate = try memoryEstimate()
    } catch is OutOfMemory {
      estimate = nil
    }
    let left = limit.left()
    guard let estimate, estimate.step + estimate.loader <= left else {
      throw StepTooLarge(estimate, left: left, limit, configuration)
    }
    hasCheckedMemory = true
  }
}
