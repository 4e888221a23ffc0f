import Compute
import Images
import LatentMIM
import Tensors
import TestSupport
import Testing

@testable import Evaluation

@Suite struct AugmentedBatchesTests {
  /// Three epochs against the crops that MAE's recipe names, taken by hand; a batch of 72 goes through in two parts.
  @Test func batchesAreTheRecipes() throws {
    let encoder = try smallEncoder()
    let (count, size) = (190, 72)
    let dataset = try smallImages(count, classes: 5, seed: 1)
    var features = LinearProbe.features(for: encoder.configuration)
    (features.pooling, features.framing) = (.max, .squash(height: 16, width: 12))
    let test = try labelled([0], width: 1, [0], set: "test")
    let classes = try ClassNumbers(train: dataset.labels ?? [], trainNames: [], test: test)
    let batches = try AugmentedBatches(
      TrainingImages(encoder: encoder, dataset: dataset, features: features), classes: classes, batchSize: size,
      epochs: 3, seed: 7)
    let augmentation = try Augmentation(
      height: 16, width: 12, crop: RandomResizedCrop(area: 0.08...1, ratio: 3 / 4...4 / 3, mismatch: .clip),
      flipProbability: 0.5, normalization: encoder.configuration.normalization())
    let found = try Buffer(count: size * encoder.configuration.width)
    for epoch in 0..<3 {
      let order = RandomStream(seed: 7, purpose: .shuffle, epoch: epoch).permutation(of: count)
      for number in 0..<2 {
        let rows = Array(order[(number * size)..<((number + 1) * size)])
        #expect(try batches.next(into: found.pointer) == rows.map { $0 % 5 })
        let crops = try loadBatch(dataset, indices: rows, transform: .train(augmentation), seed: 7, epoch: epoch)
        let tokens = try encoder.features(
          Tensor(shape: crops.shape, buffer: crops.pixels), tap: FeatureTap(normed: true))
        let wanted = try Pooling.max(tokens.buffer.values, batch: size, patches: 12, width: 32)
        expectClose(found.values, Array(wanted.values).doubled, absolute: 1e-4, "epoch \(epoch), batch \(number)")
      }
    }
    #expect(throws: LoaderError.closed) { try batches.next(into: found.pointer) }
  }

  @Test func theProbeLearnsFromThem() throws {
    let encoder = try smallEncoder()
    let (train, test) = try (smallImages(60, classes: 2, seed: 1), smallImages(20, classes: 2, seed: 2))
    var probe = LinearProbe(.in100)
    (probe.augment, probe.epochs) = (true, 4)
    func run() throws -> EvaluationResult {
      try evaluate(encoder, train: train, test: test, [EvaluationEntry(probe, for: encoder.configuration)])[0]
    }
    let found = try run()
    let score = try #require(found.classification)
    #expect(found.label == "linear, in100, augmented" && found.trainCount == 60 && score.losses.count == 4)
    #expect(Set(score.predictions).isSubset(of: [0, 1]) && score.classCount == 2)
    #expect(try run().classification == score)
    probe.augment = false
    #expect(try run().classification?.losses != score.losses)
    probe.augment = true
    #expect(throws: EvaluationError.noImages(scoring: "linear, in100, augmented")) {
      try evaluate(train: labelled([1, 2], width: 1, [0, 1]), test: labelled([1], width: 1, [0]), tap: "", probe)
    }
  }
}
