import Glibc

/// A half cosine, from 1 at progress 0 to 0 at progress 1.
public func halfCosine(at progress: Double) -> Double { (1 + cos(.pi * progress)) / 2 }

/// The share of a peak at an epoch: linear from 0 in the warm-up, then a half cosine to 0 behind the last of `epochs`.
public func warmUpThenCosine(epoch: Double, warmup: Double, epochs: Double) -> Double {
  epoch < warmup ? epoch / warmup : halfCosine(at: (epoch - warmup) / (epochs - warmup))
}

/// How a value goes from its start to its end.
public enum ScheduleShape: String, Sendable, CaseIterable {
  /// By a half cosine.
  case cosine
  case linear

  func value(from start: Double, to end: Double, at progress: Double) -> Double {
    let left = self == .linear ? 1 - progress : halfCosine(at: progress)
    return end + left * (start - end)
  }
}

/// The values that change over a run, at one step.
public struct StepValues: Sendable, Equatable {
  public var learningRate: Double
  public var weightDecay: Double
  /// m of the target average.
  public var targetMomentum: Double
  /// γ, the similarity that the constraint asks for.
  public var gamma: Double
}

/// The schedules of a run, in terms of progress = (epoch + step in epoch / steps per epoch) / epochs, zero-based.
public struct Schedule: Sendable {
  private let training: TrainingConfiguration

  public init(_ training: TrainingConfiguration) { self.training = training }

  /// - Parameter progress: 0 at the first step, below 1 at the last.
  public func values(at progress: Double) -> StepValues {
    StepValues(
      learningRate: learningRate(at: progress),
      weightDecay: ScheduleShape.cosine.value(
        from: training.weightDecay, to: training.weightDecayEnd ?? training.weightDecay, at: progress),
      targetMomentum: training.momentumSchedule.value(
        from: training.targetMomentum, to: training.targetMomentumEnd, at: progress),
      gamma: ScheduleShape.cosine.value(from: training.similarityStart, to: training.similarityEnd, at: progress))
  }

  /// Linear from the final rate to the peak during warm-up, then a half cosine back to it.
  private func learningRate(at progress: Double) -> Double {
    let (epochs, peak) = (Double(training.epochs), training.peakLearningRate)
    let final = peak * training.finalLearningRate
    let share = warmUpThenCosine(epoch: progress * epochs, warmup: training.warmupEpochs, epochs: epochs)
    return final + share * (peak - final)
  }
}
