import Files
import Compute
import Images
import LatentMIM
import Tensors
import TestSupport
import Testing

@testable import Evaluation

@Suite struct MixingTests {
  private func images(_ count: Int) -> [Float] { randomValues(count * 6 * 5 * 2, seed: 3) }

  private func mixed(_ mixing: Mixing, _ count: Int) -> [Float] {
    var values = images(count)
    values.withUnsafeMutableBufferPointer {
      if let start = $0.baseAddress { mixing.apply(to: start, shape: [count, 6, 5, 2]) }
    }
    return values
  }

  /// x·λ + flip(x)·(1 − λ).
  @Test(arguments: [1, 4, 5]) func mixupIsTimms(_ count: Int) {
    let (x, size) = (images(count).doubled, 60)
    let wanted = x.indices.map { place in
      let partner = (count - 1 - place / size) * size + place % size
      return 0.3 * x[place] + 0.7 * x[partner]
    }
    expectClose(mixed(.mixup(share: 0.3), count), wanted, absolute: 4 * roundoff)
  }

  /// ratio √(1 − λ) of both sides, cut at the edges; λ corrected.
  @Test func cutmixIsTimms() throws {
    let count = 5
    // √0.36 = 0.6 of 6 × 5: 3 × 3, rows 4 − 1 ..< 4 + 2, columns 4 − 1 ..< 4 + 2 cut to 5.
    let mixing = Mixing.cut(share: 0.64, centre: (4, 4), height: 6, width: 5)
    #expect(mixing == .cutmix(PixelRectangle(top: 3, left: 3, height: 3, width: 2), share: 1 - 6.0 / 30))
    let (x, found) = (images(count), mixed(mixing, count))
    for place in x.indices {
      let (row, column, image) = (place % 60 / 10, place % 10 / 2, place / 60)
      let isCut = (3..<6).contains(row) && (3..<5).contains(column)
      #expect(found[place] == x[isCut ? (count - 1 - image) * 60 + place % 60 : place])
    }
  }

  /// timm's mixup_target: on 1 − s + s/c, off s/c, mixed with the reversed.
  @Test func targetsAreTimms() throws {
    let targets = try Mixing.mixup(share: 0.7).targets([2, 0, 1], classes: 4, smoothing: 0.1)
    let smooth: [[Double]] = [2, 0, 1].map { label in (0..<4).map { $0 == label ? 0.925 : 0.025 } }
    var wanted: [Double] = []
    for row in 0..<3 {
      for index in 0..<4 { wanted.append(0.7 * smooth[row][index] + 0.3 * smooth[2 - row][index]) }
    }
    expectClose(targets.values, wanted, absolute: 1e-6)
  }

  /// Beta(α, α) has mean ½ and variance 1/(4(2α + 1)); counts of both ways are binomial.
  @Test(arguments: [0.2, 0.8, 1, 3]) func sharesAreBeta(_ alpha: Double) {
    let draws = (0..<4000).map { RandomStream(seed: 1, purpose: .mixing, epoch: $0).beta(alpha, from: 1) }
    let mean = draws.reduce(0, +) / 4000
    let variance = draws.reduce(0) { $0 + ($1 - 0.5) * ($1 - 0.5) } / 4000
    let wanted = 1 / (4 * (2 * alpha + 1))
    #expect(abs(mean - 0.5) < 5 * (wanted / 4000).squareRoot())
    // (x − ½)² is at most ¼: its deviation is at most √(wanted/4).
    #expect(abs(variance - wanted) < 5 * (wanted / 4 / 4000).squareRoot())
  }

  @Test func bothWaysAreDrawn() {
    func draw(_ mixup: Double, _ cutmix: Double, _ epoch: Int) -> Mixing {
      Mixing(
        mixup: mixup, cutmix: cutmix, switchProbability: 0.5, height: 9, width: 9,
        RandomStream(seed: 1, purpose: .mixing, epoch: epoch))
    }
    let cuts = (0..<1000).count { if case .cutmix = draw(0.8, 1, $0) { true } else { false } }
    #expect(abs(Double(cuts) - 500) < 5 * 250.0.squareRoot())
    #expect(draw(0, 0, 0) == .none)
    #expect((0..<50).allSatisfy { if case .mixup = draw(0.8, 0, $0) { true } else { false } })
    #expect((0..<50).allSatisfy { if case .cutmix = draw(0, 1, $0) { true } else { false } })
  }
}

@Suite struct FineTuningTests {
  private func run(
    _ change: (inout FineTuning) -> Void = { _ in }, encoder: Encoder? = nil
  ) throws -> (encoder: Encoder, result: EvaluationResult) {
    var tuning = FineTuning(.small)
    (tuning.epochs, tuning.batchSize, tuning.seed, tuning.precision) = (3, 20, 4, .float32)
    (tuning.mixup, tuning.cutmix, tuning.randAugment) = (0.8, 1, true)
    change(&tuning)
    return try fineTune(
      encoder ?? smallEncoder(), train: smallImages(45, classes: 3, seed: 1),
      test: smallImages(12, classes: 3, seed: 2), tuning)
  }

  @Test func publishedRecipes() {
    let large = FineTuningRecipe(FineTuning(), count: 126_689)
    #expect(large.preset == .in100 && large.batchSize == 1024 && large.epochs == 50 && large.layerDecay == 1)
    #expect(large.mixup == 0.8 && large.cutmix == 1 && large.randAugment && large.cropArea == 0.08)
    #expect(large.warmupEpochs == 5 && large.baseRate == 1e-3 && large.stepsPerEpoch == 123)
    #expect(large.learningRate(step: 0) == 0 && abs(large.learningRate(step: 5 * 123) - 4e-3) < 1e-12)
    #expect(abs(large.learningRate(step: 50 * 123) - 1e-6) < 1e-12)
    let middle = large.learningRate(step: 123 * 55 / 2 + 1)
    let slope = 4e-3 * Double.pi / 2 / (45 * 123)
    #expect(abs(middle - 2.0005e-3) < slope)
    let other = FineTuningRecipe(FineTuning(.in1k), count: 1_281_167)
    #expect(other.baseRate == 5e-4 && other.epochs == 100 && other.warmupEpochs == 10)
  }

  @Test func theResultSaysWhatWasDone() throws {
    let encoder = try smallEncoder()
    let before = encoder.parameters.map { $0.parameter.tensor.values }
    let found = try run(encoder: encoder)
    #expect(found.result.label == "fine_tune, small" && found.result.trainCount == 45)
    #expect(
      found.result.classification?.losses.count == 6
        && found.result.classification?.history.map(\.name).last == "epoch 3")
    #expect(found.result.classification?.accuracy == found.result.classification?.history.last?.accuracy)
    #expect(encoder.parameters.map { $0.parameter.tensor.values } == before)
    let tuned = Dictionary(uniqueKeysWithValues: found.encoder.parameters.map { ($0.name, $0.parameter.tensor.values) })
    #expect(tuned["encoder.head.linear0.weight"] == nil)
    let moved = encoder.parameters.filter { tuned[$0.name] != nil && tuned[$0.name] != $0.parameter.tensor.values }
    #expect(moved.count == tuned.count - 2, "all but the final norm, which is not used")
  }

  @Test func theSameForAnyThreadCountAndSeed() throws {
    var first: (encoder: Encoder, result: EvaluationResult)?
    try Machine.onEachThreadCount(of: [1, 2]) { _ in
      let found = try run()
      if let first {
        #expect(found.result.classification == first.result.classification)
        let pair = zip(found.encoder.parameters, first.encoder.parameters)
        #expect(pair.allSatisfy { $0.parameter.tensor.values == $1.parameter.tensor.values })
      }
      first = found
    }
    let other = try run { $0.seed = 5 }
    #expect(other.result.classification?.losses != first?.result.classification?.losses)
  }

  /// At once or in parts of 32: sums are rounded otherwise, the images, masks and partners are the same.
  @Test func blocksComputedAgainChangeNothing() throws {
    let (plain, again) = try Machine.undisturbed { (try run(), try run { $0.recompute = true }) }
    #expect(plain.result.classification?.losses == again.result.classification?.losses)
  }

  /// Without noise of any kind a few images are learned by heart.
  @Test(arguments: [Pooling.mean, .cls, .max, .topKMean(k: 3)]) func learns(_ pooling: Pooling) throws {
    var tuning = FineTuning(.small)
    (tuning.epochs, tuning.batchSize, tuning.warmupEpochs, tuning.layerDecay) = (80, 12, 5, 1)
    (tuning.mixup, tuning.cutmix, tuning.randAugment, tuning.dropPath) = (0, 0, false, 0)
    (tuning.baseLearningRate, tuning.labelSmoothing) = (0.05, 0)
    let encoder = try smallEncoder()
    var features = FineTuning.features(for: encoder.configuration)
    features.pooling = pooling
    // Images of one colour each: whatever is cut out of them tells the class.
    let values = (0..<12).flatMap { image in (0..<1200).map { Float($0 % 3 == image % 3 ? 0.9 : 0.2) } }
    let data = try ImageArrays(PixelMemory(values), shape: [12, 20, 20, 3], labels: (0..<12).map { $0 % 3 })
    let found = try fineTune(encoder, train: data, test: data, tuning, features: features)
    #expect(abs((found.result.classification?.losses.first ?? 0) - 1.0986) < 1e-3)
    #expect((found.result.classification?.losses.last ?? 9) < 0.3 && found.result.classification?.accuracy == 1)
  }

  @Test func refusesWhatCannotBe() throws {
    #expect(throws: ConfigurationError.self) { try run { $0.dropPath = 1 } }
    #expect(throws: ConfigurationError.self) { try run { $0.batchSize = 46 } }
    #expect(throws: ConfigurationError.self) { try run { $0.layerDecay = 0 } }
    let encoder = try smallEncoder()
    var features = FineTuning.features(for: encoder.configuration)
    features.tap.normed = true
    let data = try smallImages(20, seed: 1)
    #expect(throws: ConfigurationError.self) { try fineTune(encoder, train: data, test: data, features: features) }
    (features.tap.normed, features.pooling) = (false, .tokens)
    #expect(throws: ConfigurationError.self) { try fineTune(encoder, train: data, test: data, features: features) }
    #expect(throws: EvaluationError.noLabels(set: "training")) {
      try fineTune(encoder, train: smallImages(9, classes: nil, seed: 1), test: data)
    }
    #expect(throws: EvaluationError.oneClass(scoring: "fine_tune")) {
      try fineTune(encoder, train: smallImages(9, classes: 1, seed: 1), test: smallImages(9, classes: 1, seed: 1))
    }
  }
}
