import LatentMIM

/// The settings that fine-tuning on one training set has: those given, and the preset's.
struct FineTuningRecipe {
  let preset: FineTuningPreset
  let baseRate: Double
  let batchSize: Int
  let epochs: Int
  let warmupEpochs: Double
  let layerDecay: Double
  let mixup: Double
  let cutmix: Double
  let randAugment: Bool
  let cropArea: Double
  let stepsPerEpoch: Int
  let evaluateEvery: Int
  private let minRate: Double

  init(_ tuning: FineTuning, count: Int) {
    preset = tuning.preset ?? (count >= 16 * 1024 ? .in100 : .small)
    let usual = preset == .small ? min(max(count / 16, 16), 128) : 1024
    batchSize = tuning.batchSize ?? max(min(usual, count), 1)
    stepsPerEpoch = max(count / batchSize, 1)
    let (rate, length): (Double, Int) =
      switch preset {
      case .in100: (1e-3, 50)
      case .in1k: (5e-4, 100)
      case .small: (1e-3 * 256 / Double(batchSize), min(max(3000 / stepsPerEpoch, 10), 100))
      }
    (baseRate, epochs) = (tuning.baseLearningRate ?? rate, tuning.epochs ?? length)
    warmupEpochs = tuning.warmupEpochs ?? Double(epochs) / 10
    layerDecay = tuning.layerDecay ?? (preset == .small ? 0.75 : 1)
    mixup = tuning.mixup ?? (preset == .small ? 0 : 0.8)
    cutmix = tuning.cutmix ?? (preset == .small ? 0 : 1)
    randAugment = tuning.randAugment ?? (preset != .small)
    cropArea = tuning.cropArea ?? (preset == .small ? 0.5 : 0.08)
    evaluateEvery = tuning.evaluateEvery ?? max(epochs / 10, 1)
    minRate = tuning.minLearningRate
  }

  var steps: Int { epochs * stepsPerEpoch }

  /// Linear from 0 in the warm-up, then half a cosine to the least rate.
  ///
  /// - Parameter step: counted from 0.
  func learningRate(step: Int) -> Double {
    let peak = baseRate * Double(batchSize) / 256
    let epoch = Double(step) / Double(stepsPerEpoch)
    let share = warmUpThenCosine(epoch: epoch, warmup: warmupEpochs, epochs: Double(epochs))
    let least = epoch < warmupEpochs ? 0 : min(minRate, peak)
    return least + (peak - least) * share
  }
}
