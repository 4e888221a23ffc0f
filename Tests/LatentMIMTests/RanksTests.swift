import Compute
import Files
import TestSupport
import Testing

@testable import LatentMIM
@testable import Tensors

/// Ranks that share every batch have the loss and the gradient of one trainer of all.
@Suite struct RanksTests {
  struct Trial: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let model: ModelConfiguration
    var parts = 1
    var recompute = false

    init(_ name: String, parts: Int = 1, recompute: Bool = false, _ change: (inout ModelConfiguration) -> Void) {
      var model = smallConfiguration()
      change(&model)
      (testDescription, self.model, self.parts, self.recompute) = (name, model, parts, recompute)
    }
  }

  static let trials = [
    Trial("each image for itself") { $0.similarityCoefficient = 0 },
    Trial("constraint of the batch", parts: 2) { $0.similarityForm = .batch },
    Trial("contrast of crops", recompute: true) { $0.contrastCoefficient = 0.5 },
    Trial("sizes of the batch", parts: 2) {
      ($0.rows, $0.columns) = (8, 9)
      ($0.mask, $0.targetSees, $0.negatives) = (.multiBlock, .all, .all)
    },
    Trial("dropout by image") { ($0.dropout, $0.dropPath) = (0.2, 0.3) },
    Trial("several buckets") { ($0.width, $0.depth, $0.projectorWidth) = (256, 2, 512) },
  ]

  private struct Run: Sendable {
    var metrics: [StepMetrics] = []
    var weights: [Float] = []
    /// A tenth of the first step's gradient.
    var means: [Float] = []
  }

  private static func trainer(_ trial: Trial) throws -> Trainer {
    var training = smallTraining()
    (training.accumulationSteps, training.precision, training.recompute) = (trial.parts, .float32, trial.recompute)
    training.batchSize = 12
    return try Trainer(LatentMIMModel(trial.model, seed: 1), dataset: randomImages(27), configuration: training)
  }

  private static func run(_ trainer: Trainer, steps: Int = 3) throws -> Run {
    var run = Run()
    for step in 0..<steps {
      if let metrics = try trainer.next() { run.metrics.append(metrics) }
      if step == 0 { run.means = trainer.optimizer.slots.flatMap { Array($0.mean.values) } }
    }
    run.weights = weights(trainer.model)
    return run
  }

  @Test(arguments: trials, [2, 3])
  func ranksAreOneTrainer(_ trial: Trial, ranks: Int) throws {
    let whole = try Self.run(Self.trainer(trial))
    let shared = try ThreadRanks(ranks).run { communicator in
      let trainer = try Self.trainer(trial)
      try trainer.join(communicator)
      return try Self.run(trainer)
    }
    for rank in shared {
      expectSameBits(rank.weights, shared[0].weights, "weights of all ranks")
      #expect(rank.metrics.map(\.batch) == shared[0].metrics.map(\.batch))
    }
    for (ours, theirs) in zip(shared[0].metrics, whole.metrics) {
      #expect(abs(ours.batch.loss - theirs.batch.loss) < 1e-5)
      #expect(abs(ours.gradientNorm / theirs.gradientNorm - 1) < 1e-4)
      #expect(abs(ours.batch.effectiveRank - theirs.batch.effectiveRank) < 1e-2)
      #expect(abs(ours.batch.similarityPredictions - theirs.batch.similarityPredictions) < 1e-4)
    }
    expectClose(shared[0].means, whole.means.map(Double.init), absolute: 1e-6, relative: 1e-3)
  }

  /// Exchanges of bfloat16 begin in the backward pass, in one order on all ranks; sums are rounded once.
  @Test func bfloat16HalvesWhatIsSent() throws {
    let trial = try #require(Self.trials.last)
    let exact = try Self.run(Self.trainer(trial), steps: 2)
    let all = ThreadRanks(2)
    let rounded = try all.run { communicator in
      let trainer = try Self.trainer(trial)
      try trainer.join(communicator, wire: .bfloat16)
      return try Self.run(trainer, steps: 2)
    }
    expectSameBits(rounded[1].weights, rounded[0].weights, "weights of both ranks")
    #expect(!all.kinds.contains("sum") && all.kinds.filter { $0 == "allToAll" }.count >= 4)
    #expect(abs(rounded[0].metrics[1].batch.loss - exact.metrics[1].batch.loss) < 1e-3)
    let largest = exact.means.map(abs).max() ?? 0
    for (ours, theirs) in zip(rounded[0].means, exact.means) {
      #expect(abs(ours - theirs) <= abs(theirs) / 64 + largest / 128)
    }
  }

  /// What comes behind the last contribution of the step before is summed, too, wherever gradients lie.
  @Test(arguments: [false, true])
  func whatComesLateIsNotLost(isWhole: Bool) throws {
    let sums = try ThreadRanks(3).run { communicator in
      let (ranks, count) = (try Ranks(communicator, wire: .float32), 70_000)
      let tensor = try Tensor(shape: [count], buffer: Buffer(count: count, repeating: 0)).requiringGradient()
      let slot = try #require(tensor.gradient)
      let bucket: any GradientBucket =
        try isWhole ? WholeGradient(slot, count: count, ranks) : WireBucket([tensor], ranks)
      let first = try Buffer(count: count, repeating: Float(communicator.rank + 1))
      try slot.add(first)
      try bucket.start()
      try slot.add(Buffer(count: count, repeating: 10))
      try bucket.startAgain()
      try bucket.finish()
      #expect(first.values.allSatisfy { $0 == Float(communicator.rank + 1) })
      #expect(slot.contributions == 2 && bucket.contributions == [2])
      return Set(try #require(slot.value).values)
    }
    #expect(sums == [[36], [36], [36]])
  }

  /// A gradient that no rank has stays none.
  @Test(arguments: [false, true])
  func whatNoRankHasStaysNone(isWhole: Bool) throws {
    let found = try ThreadRanks(2).run { communicator in
      let ranks = try Ranks(communicator, wire: .float32)
      let tensor = try Tensor(shape: [9], buffer: Buffer(count: 9, repeating: 0)).requiringGradient()
      let slot = try #require(tensor.gradient)
      let bucket: any GradientBucket = try isWhole ? WholeGradient(slot, count: 9, ranks) : WireBucket([tensor], ranks)
      try bucket.start()
      try bucket.finish()
      return slot.value == nil
    }
    #expect(found == [true, true])
  }

  @Test func batchesThatDoNotDivideAreRefused() throws {
    let trainer = try Self.trainer(Trial("two parts", parts: 2) { _ in })
    let error = #expect(throws: ConfigurationError.self) { try trainer.join(ThreadRanks(4).communicator(0)) }
    #expect(error?.description.contains("is 12, not divisible by 4 ranks × accumulation_steps = 2") == true)
    #expect(throws: RanksError.self) { try trainer.join(ThreadRanks(2).communicator(2)) }
    #expect(try trainer.next()?.step == 1)
  }

  @Test func ranksThatDoNotHaveTheSameAreTold() throws {
    #expect(throws: RanksError.self) {
      _ = try ThreadRanks(2).run { communicator in
        let trainer = try Self.trainer(Self.trials[0])
        try trainer.join(communicator)
        if communicator.rank == 1 { trainer.model.onlineParameters[0].parameter.tensor.pointer[0] += 1 }
        return try trainer.next()?.step
      }
    }
  }
}
