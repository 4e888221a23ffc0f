import LatentMIM

/// Named settings of the linear probe.
public enum LinearProbePreset: String, Sendable, CaseIterable {
  /// The paper's study: base rate 0.5, batches of 1024, 20 epochs, 2 of them warm-up.
  case in100
  /// ImageNet-1k: base rate 0.1, batches of 16384, 90 epochs, 10 of them warm-up.
  case in1k
  /// `in100` for sets smaller than ImageNet-100, for which its 20 epochs are too few steps: the same number of steps
  /// and the same rates as `in100` on ImageNet-100, in smaller batches where the set is no sixteenfold of them.
  case small
}

/// The settings that the probe of one training set has: those given, and the preset's.
struct ProbeRecipe {
  let preset: LinearProbePreset
  let baseLearningRate: Double
  let batchSize: Int
  let epochs: Int
  let warmupEpochs: Double
  let stepsPerEpoch: Int

  /// The images of ImageNet-100: from there on, the 20 epochs of `in100` are as many steps as published.
  private static let largeCount = 126_689
  private static let steps = 20 * (largeCount / 1024)
  private static let peak = 0.5 * 1024 / 256

  init(_ probe: LinearProbe, count: Int) {
    preset = probe.preset ?? (count >= Self.largeCount ? .in100 : .small)
    let largest = preset == .in1k ? 16384 : 1024
    batchSize = probe.batchSize ?? min(largest, max(count / 16, 32), count)
    stepsPerEpoch = max(count / batchSize, 1)
    switch preset {
    case .in100: (baseLearningRate, epochs) = (probe.baseLearningRate ?? 0.5, probe.epochs ?? 20)
    case .in1k: (baseLearningRate, epochs) = (probe.baseLearningRate ?? 0.1, probe.epochs ?? 90)
    case .small:
      baseLearningRate = probe.baseLearningRate ?? Self.peak * 256 / Double(batchSize)
      epochs = probe.epochs ?? (Self.steps + stepsPerEpoch - 1) / stepsPerEpoch
    }
    let usual = probe.epochs == nil && preset == .in1k ? 10 : Double(epochs) / 10
    warmupEpochs = probe.warmupEpochs ?? usual
  }

  var steps: Int { epochs * stepsPerEpoch }

  /// Linear from 0 in the warm-up, then a half cosine to 0.
  ///
  /// - Parameter step: counted from 0.
  func learningRate(step: Int) -> Double {
    let peak = baseLearningRate * Double(batchSize) / 256
    let epoch = Double(step) / Double(stepsPerEpoch)
    return peak * warmUpThenCosine(epoch: epoch, warmup: warmupEpochs, epochs: Double(epochs))
  }
}
