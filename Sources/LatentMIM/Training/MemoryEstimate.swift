import Compute

/// How much memory a training step takes, in bytes, known before the first one.
public struct MemoryEstimate: Sendable {
  /// All weights, the target encoder's included, and the optimiser's two moments.
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
    let batch = configuration.batchSize / configuration.accumulationSteps
    let step = try configuration.precision.compute(recomputesBlocks: configuration.recompute) {
      try model.peakBytes(batch: batch, parts: configuration.accumulationSteps)
    }
    let pixels = model.configuration.cropHeight * model.configuration.cropWidth * model.configuration.channels
    return MemoryEstimate(
      weights: model.parameters.reduce(0) { $0 + $1.parameter.tensor.buffer.bytes },
      moments: optimizer.slots.reduce(0) { $0 + $1.mean.bytes + $1.square.bytes }, step: step,
      loader: batches.imagesOfEach * batches.ahead * batch * pixels * Element.float32.size)
  }
}
