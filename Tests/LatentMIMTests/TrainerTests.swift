import Compute
import Foundation
import Images
import TestSupport
import Testing

@testable import LatentMIM

@Suite struct TrainerTests {
  private func trainer(_ training: TrainingConfiguration = smallTraining(), images: Int = 26) throws -> Trainer {
    try Trainer(
      LatentMIMModel(smallConfiguration(), seed: 1), dataset: randomImages(images), configuration: training)
  }

  private func temporaryPath() -> String { NSTemporaryDirectory() + "latentmim-\(UUID().uuidString).safetensors" }

  @Test func aRunHasItsStepsAndEnds() throws {
    let trainer = try trainer()
    #expect(trainer.stepsPerEpoch == 3 && trainer.totalSteps == 9)
    var losses: [Double] = []
    while let metrics = try trainer.next() {
      losses.append(metrics.batch.loss)
      #expect(metrics.step == losses.count && metrics.epoch == (losses.count - 1) / 3)
      #expect(metrics.gradientNorm > 0 && metrics.imagesPerSecond > 0)
    }
    #expect(losses.count == 9 && losses.allSatisfy(\.isFinite))
    #expect(losses[8] < losses[0])
    #expect(try trainer.next() == nil)
  }

  @Test(arguments: [2, 3, 7])
  func aRestoredRunGoesOnBitByBit(_ stop: Int) throws {
    try Machine.undisturbed { try checkRestoredRun(stop) }
  }

  private func checkRestoredRun(_ stop: Int) throws {
    let whole = try trainer()
    while try whole.next() != nil {}
    let path = temporaryPath()
    defer { try? FileManager.default.removeItem(atPath: path) }
    let first = try trainer()
    for _ in 0..<stop { _ = try first.next() }
    try first.save(to: path)
    var moreWorkers = smallTraining()
    moreWorkers.workers = 3
    let second = try trainer(moreWorkers)
    _ = try second.next()
    try second.restore(from: path)
    #expect(second.step == stop)
    while try second.next() != nil {}
    expectSameBits(weights(second.model), weights(whole.model), "weights after \(stop) + \(9 - stop) steps")
  }

  /// What blocks compute inside is computed again for the gradient.
  @Test(arguments: [Precision.float32, .auto])
  func recomputingGivesTheSameBits(_ precision: Precision) throws {
    try Machine.undisturbed {
      var training = smallTraining()
      training.precision = precision
      let plain = try trainer(training)
      training.recompute = true
      let thrifty = try trainer(training)
      for _ in 0..<3 {
        let (kept, again) = (try plain.next(), try thrifty.next())
        #expect(kept?.batch.loss == again?.batch.loss && kept?.gradientNorm == again?.gradientNorm)
      }
      expectSameBits(weights(thrifty.model), weights(plain.model), "weights")
    }
  }

  @Test func precisionsThatAreNotThereAreRefused() throws {
    try Machine.undisturbed {
      let before = InstructionSet.current
      defer { try? InstructionSet.use(before.rawValue) }
      try InstructionSet.use("portable")
      var training = smallTraining()
      training.precision = .bf16
      let error = try #require(throws: PrecisionError.self) { _ = try trainer(training) }
      #expect(error.description.contains("AVX512-BF16") && error.description.contains("'portable'"))
      training.precision = .auto
      #expect(try trainer(training).configuration.precision.arithmetic() == .float32)
    }
  }

  @Test func threadsDoNotMatter() throws {
    var runs: [[Float]] = []
    try Machine.onEachThreadCount { _ in
      let trainer = try trainer()
      for _ in 0..<3 { _ = try trainer.next() }
      runs.append(weights(trainer.model))
    }
    expectSameBits(runs[1], runs[0], "two threads and one")
    expectSameBits(runs[2], runs[0], "three threads and one")
  }

  @Test func aLossThatIsNotFiniteChangesNoWeights() throws {
    let trainer = try trainer()
    _ = try trainer.next()
    let tensor = try #require(trainer.model.decoder.namedParameters().last?.parameter.tensor)
    let good = tensor.pointer[0]
    tensor.pointer[0] = .infinity
    let before = trainer.model.onlineParameters.map { $0.parameter.tensor.values }
    let error = #expect(throws: NonFiniteError.self) { try trainer.next() }
    #expect(error?.kind == .notFinite)
    #expect(trainer.model.onlineParameters.map { $0.parameter.tensor.values } == before)
    #expect(trainer.step == 1)
    tensor.pointer[0] = good
    #expect(try trainer.next()?.step == 2)
  }

  @Test func aDataSetSmallerThanABatchIsRefused() throws {
    let error = #expect(throws: LoaderError.self) { try trainer(images: 7) }
    #expect(error?.description.contains("8") == true && error?.description.contains("7") == true)
  }

  @Test func aCheckpointOfAnotherRunIsRefused() throws {
    let path = temporaryPath()
    defer { try? FileManager.default.removeItem(atPath: path) }
    let first = try trainer()
    try first.save(to: path)
    var other = smallTraining()
    other.baseLearningRate = 0.5
    let second = try trainer(other)
    let before = weights(second.model)
    let error = #expect(throws: CheckpointError.self) { try second.restore(from: path) }
    #expect(error?.description.contains("base_learning_rate is 0.02 there, 0.5 here") == true)
    #expect(weights(second.model) == before)
    try first.model.save(to: path)
    let weightsOnly = #expect(throws: CheckpointError.self) { try first.restore(from: path) }
    #expect(weightsOnly?.description.contains("no state of a training run") == true)
  }

  @Test func gradientsOfALookInBetweenDoNotCount() throws {
    try Machine.undisturbed {
      let (plain, curious) = (try trainer(), try trainer())
      _ = try (plain.next(), curious.next())
      let views = try Views.sample(smallConfiguration(), seed: 1, images: [0])
      _ = try curious.model.loss(randomTensor([1, 24, 30, 3], seed: 2), views: views, gamma: 0.5)
      let norms = try (plain.next()?.gradientNorm, curious.next()?.gradientNorm)
      #expect(norms.0 == norms.1)
    }
  }

  @Test func aStepThatFailedHalfwayAveragesTheTargetOnce() throws {
    try Machine.undisturbed {
      let path = temporaryPath()
      defer { try? FileManager.default.removeItem(atPath: path) }
      var parts = smallTraining()
      parts.accumulationSteps = 2
      let (whole, failed, resumed) = (try trainer(parts), try trainer(parts), try trainer(parts))
      _ = try (whole.next(), whole.next(), failed.next())
      // The decoder's last bias, made infinite, stops the second step behind the average of the target.
      let tensor = try #require(failed.model.decoder.namedParameters().last?.parameter.tensor)
      let good = tensor.pointer[0]
      tensor.pointer[0] = .infinity
      #expect(throws: NonFiniteError.self) { try failed.next() }
      tensor.pointer[0] = good
      try failed.save(to: path)
      try resumed.restore(from: path)
      _ = try resumed.next()
      expectSameBits(weights(resumed.model), weights(whole.model), "weights after a failed step")
    }
  }

  @Test func anotherNumberOfImagesIsAnotherRun() throws {
    let path = temporaryPath()
    defer { try? FileManager.default.removeItem(atPath: path) }
    try trainer().save(to: path)
    let error = #expect(throws: CheckpointError.self) { try trainer(images: 27).restore(from: path) }
    #expect(error?.description.contains("had 26 images there, it has 27 here") == true)
  }

  @Test func otherImagesAreAnotherRun() throws {
    let path = temporaryPath()
    defer { try? FileManager.default.removeItem(atPath: path) }
    try trainer().save(to: path)
    var bytes = [UInt8](repeating: 0, count: 26 * 40 * 44 * 3)
    bytes[0] = 1
    let images = try ImageArrays(PixelMemory(bytes), shape: [26, 40, 44, 3])
    let other = try Trainer(
      LatentMIMModel(smallConfiguration(), seed: 1), dataset: images, configuration: smallTraining())
    let error = #expect(throws: CheckpointError.self) { try other.restore(from: path) }
    #expect(error?.description.contains("the images are others than there") == true)
    try trainer().restore(from: path)
  }

  /// What "auto" stood for when a run began stays, whatever the machine that goes on with it would choose.
  @Test func aRunKeepsItsPrecision() throws {
    try Machine.undisturbed {
      let before = InstructionSet.current
      defer { try? InstructionSet.use(before.rawValue) }
      let (plain, fast) = (temporaryPath(), temporaryPath())
      defer { for path in [plain, fast] { try? FileManager.default.removeItem(atPath: path) } }
      var training = smallTraining()
      #expect(training.precision == .auto)
      try InstructionSet.use("portable")
      let first = try trainer(training)
      #expect(first.configuration.precision == .float32)
      try first.save(to: plain)
      try InstructionSet.use(before.rawValue)
      let second = try trainer(training)
      #expect(second.configuration.precision == .named(try Precision.auto.arithmetic()))
      try second.save(to: fast)
      try second.restore(from: plain)
      #expect(second.configuration.precision == .float32)
      guard Arithmetic.bfloat16.isAvailable else { return }
      training.precision = .bf16
      #expect(throws: CheckpointError.self) { try trainer(training).restore(from: plain) }
      try InstructionSet.use("portable")
      let error = #expect(throws: CheckpointError.self) { try first.restore(from: fast) }
      #expect(error?.description.contains("a run with precision 'bf16', which needs") == true)
    }
  }

  @Test func onlyWholeStepsAreLoaded() throws {
    var parts = smallTraining()
    parts.accumulationSteps = 4
    // 27 images make 13 parts of 2, of which 12 make 3 steps: the next epoch begins with its own first part.
    let trainer = try trainer(parts, images: 27)
    #expect(trainer.stepsPerEpoch == 3)
    var epochs: [Int] = []
    while let metrics = try trainer.next() { epochs.append(metrics.epoch) }
    #expect(epochs == [0, 0, 0, 1, 1, 1, 2, 2, 2])
  }
}
