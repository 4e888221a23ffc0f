import Files
import Tensors
import TestSupport
import Testing

@testable import LatentMIM

@Suite struct DiagnosticsTests {
  private func metrics(similarity: Double, rank: Double = 10) -> BatchMetrics {
    var metrics = BatchMetrics()
    (metrics.similarityImages, metrics.effectiveRank) = (similarity, rank)
    return metrics
  }

  private func collapseGuard(similarity: Double = 1, rank: Double = 0, patience: Int = 3) -> CollapseGuard {
    var training = TrainingConfiguration()
    (training.collapseSimilarity, training.collapseRank, training.collapsePatience) = (similarity, rank, patience)
    return CollapseGuard(training)
  }

  @Test func onlyAnUnbrokenRowOfStepsCounts() throws {
    var watch = collapseGuard(similarity: 0.9)
    for value in [0.95, 0.95, 0.5, 0.95, 0.95] { try watch.check(metrics(similarity: value), step: 1) }
    #expect(watch.streak == 2)
    let error = #expect(throws: CollapseError.self) { try watch.check(metrics(similarity: 0.95), step: 6) }
    #expect(error?.kind == .collapsed && error?.description.contains("step 6") == true)
    #expect(watch.streak == 0)
  }

  @Test func whatIsOffOrNotMeasuredCrossesNothing() throws {
    #expect(collapseGuard().crossing(metrics(similarity: 1, rank: 0)) == nil)
    #expect(collapseGuard(similarity: 0.9, rank: 2).crossing(metrics(similarity: .nan, rank: .nan)) == nil)
    #expect(collapseGuard(rank: 2).crossing(metrics(similarity: 1, rank: 1.5))?.contains("1.5") == true)
    #expect(collapseGuard(similarity: 0.9).crossing(metrics(similarity: 0.9)) == nil)
  }

  /// A constant and a little noise has nearly every rank there is: it is no reason to let a run go on.
  @Test func noRankOfImagesThatLookAlike() throws {
    let noise = try randomTensor([64, 48], seed: 3)
    let collapsed = try Tensor(shape: [64, 48], values: noise.values.map { 1 + 1e-4 * $0 })
    var measured = metrics(similarity: try rowSimilarity(collapsed))
    measured.effectiveRank = try #require(try Spectrum(collapsed, isCentred: true)).effectiveRank
    #expect(measured.effectiveRank > 40 && measured.similarityImages > 0.9999)
    #expect(collapseGuard(rank: 10).crossing(measured)?.contains("above 0.98") == true)
    #expect(collapseGuard(rank: 10).crossing(metrics(similarity: 0.97)) == nil)
    // Who says which similarity is too much is taken at his word.
    #expect(collapseGuard(similarity: 0.999, rank: 2).crossing(metrics(similarity: 0.99)) == nil)
    #expect(collapseGuard().crossing(measured) == nil)
  }

  /// A part of the images' pass after the other: more images than go through at once.
  @Test func spreadOfManyImages() throws {
    let configuration = smallConfiguration()
    let model = try LatentMIMModel(configuration, seed: 1)
    let images = try normalized(randomTensor([19, 16, 20, 3], seed: 4), for: configuration)
    let spread = try model.onlineEncoder.spread(images)
    #expect(spread.map(\.layer) == [0, 1, 2])
    #expect(spread.allSatisfy { $0.effectiveRank > 1 && $0.effectiveRank <= 18 && abs($0.similarity) <= 1 })
    let last = try model.onlineEncoder.features(images, tap: FeatureTap(layer: 2, normed: false))
    var pooled = PooledTokens()
    try pooled.add(dropFirstToken(last))
    let (similarity, rank) = try pooled.similarityAndRank()
    expectClose(
      [Float(spread[2].similarity), Float(spread[2].effectiveRank)], [similarity, rank], absolute: 1e-5 * rank, "spread"
    )
  }

  @Test func readingsOfTheLoss() {
    var metrics = BatchMetrics()
    let configuration = ModelConfiguration()
    metrics.objectiveLoss = configuration.lossBounds.chance
    let diagnosis = configuration.diagnosis(of: metrics)
    #expect(diagnosis.position == 1 && diagnosis.meaning.hasPrefix("At chance"))
    metrics.similarityImages = 0.99
    #expect(configuration.diagnosis(of: metrics).meaning.hasPrefix("Collapse"))
    var regression = ModelConfiguration()
    regression.objective = .mse
    metrics.similarityImages = 0
    #expect(regression.diagnosis(of: metrics).position.isNaN)
    for loss in [Double.nan, .infinity] {
      metrics.loss = loss
      for configuration in [configuration, regression] {
        #expect(configuration.diagnosis(of: metrics).meaning.hasPrefix("The loss is \(loss): training has diverged"))
      }
    }
  }

  /// The constraint and the contrast of crops are in the loss, and in no bounds.
  @Test(arguments: ObjectiveKind.allCases, [0.0, 100])
  func onlyTheObjectiveIsReadAgainstItsBounds(objective: ObjectiveKind, coefficient: Double) throws {
    var configuration = smallConfiguration()
    (configuration.objective, configuration.similarityCoefficient) = (objective, coefficient)
    let model = try LatentMIMModel(configuration, seed: 1)
    let shape = [4, configuration.cropHeight, configuration.cropWidth, 3]
    let images = try normalized(randomTensor(shape, seed: 2), for: configuration)
    let views = try Views.sample(configuration, seed: 3, images: Array(0..<4))
    let found = try model.loss(images, views: views, gamma: 0.5)
    let constraint = [found.similarityPredictions, found.similarityVisible].reduce(0) { $0 + ($1 - 0.5) * ($1 - 0.5) }
    #expect(abs(found.loss - found.objectiveLoss - coefficient * constraint) <= 1e-5 * max(found.loss, 1))
    let (bounds, position) = (configuration.lossBounds, configuration.diagnosis(of: found).position)
    let wanted = (found.objectiveLoss - bounds.floor) / (bounds.chance - bounds.floor)
    #expect(position == wanted || (position.isNaN && bounds.chance.isNaN))
  }

  @Test func aLossOfSeveralTermsIsNotReadAsOne() {
    var (metrics, configuration) = (BatchMetrics(), ModelConfiguration())
    (metrics.loss, metrics.objectiveLoss) = (configuration.lossBounds.chance, .nan)
    configuration.similarityCoefficient = 0.1
    let several = configuration.diagnosis(of: metrics)
    #expect(several.position.isNaN && several.meaning.contains("'objective_loss' is not among the metrics"))
    configuration.similarityCoefficient = 0
    #expect(configuration.diagnosis(of: metrics).position == 1)
    configuration.contrastCoefficient = 1
    #expect(configuration.diagnosis(of: metrics).position.isNaN)
  }

  @Test func oneImageCannotBeToldFromOthers() throws {
    var training = smallTraining()
    (training.batchSize, training.collapseRank) = (1, 1.5)
    let error = #expect(throws: ConfigurationError.self) { try training.validate() }
    let wanted = "collapse_rank compares the images of a batch, and batch_size is 1: wanted at least 2"
    #expect(error?.description == wanted)
    training.collapseRank = 0
    try training.validate()
  }
}
