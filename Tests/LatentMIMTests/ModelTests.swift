import Foundation
import Tensors
import TestSupport
import Testing

@testable import LatentMIM

@Suite struct ModelTests {
  private let configuration = smallConfiguration()

  private func images(_ count: Int) throws -> Tensor {
    try normalized(randomTensor([count, 24, 30, 3], seed: 1), for: configuration)
  }

  @Test func anUntrainedModelIsNearChance() throws {
    let model = try LatentMIMModel(configuration, seed: 2)
    let views = try Views.sample(configuration, seed: 1, images: [0, 1, 2])
    let metrics = try model.loss(images(3), views: views, gamma: 0.5)
    #expect(abs(metrics.loss / configuration.lossBounds.chance - 1) < 0.2)
    #expect((0...1).contains(metrics.similarityPredictions) && (0...1).contains(metrics.similarityTargets))
    #expect(metrics.effectiveRank > 1 && metrics.effectiveRank <= 2.0001)
  }

  @Test func theTargetStartsAsACopyAndFollows() throws {
    let model = try LatentMIMModel(configuration, seed: 2)
    let follower = try #require(model.targetEncoder)
    let online = model.encoder.namedParameters().map { $0.parameter.tensor.values }
    #expect(follower.namedParameters().map { $0.parameter.tensor.values } == online)
    let first = try #require(model.encoder.namedParameters().first?.parameter.tensor)
    first.pointer[0] += 1
    try model.updateTarget(momentum: 0.75)
    let target = try #require(follower.namedParameters().first?.parameter.tensor)
    #expect(abs(target.pointer[0] - (online[0][0] + 0.25)) < 1e-6)
  }

  @Test func gradientsReachEveryTrainedParameterAndAddUp() throws {
    try Machine.undisturbed { try checkGradientsAddUp() }
  }

  private func checkGradientsAddUp() throws {
    let model = try LatentMIMModel(configuration, seed: 2)
    let views = try Views.sample(configuration, seed: 1, images: [0, 1])
    _ = try model.loss(images(2), views: views, gamma: 0.5)
    let once = model.onlineParameters.map { $0.parameter.tensor.gradient?.value.map { Array($0.values) } }
    #expect(once.allSatisfy { $0 != nil })
    for named in try #require(model.targetEncoder).namedParameters() {
      #expect(named.parameter.tensor.gradient?.value == nil)
    }
    _ = try model.loss(images(2), views: views, gamma: 0.5)
    for (named, first) in zip(model.onlineParameters, once) {
      let twice = try #require(named.parameter.tensor.gradient?.value)
      let wanted = try #require(first).map { 2 * Double($0) }
      // The second sum starts from the first: its partial sums are rounded anew. At most 60 tokens meet in a weight.
      let largest = wanted.map(abs).max() ?? 0
      expectClose(twice.values, wanted, absolute: roundingError(terms: 60, magnitude: largest), named.name)
    }
    model.clearGradients()
    #expect(model.onlineParameters.allSatisfy { $0.parameter.tensor.gradient?.value == nil })
  }

  @Test func badImagesAreNamedAndTheModelLivesOn() throws {
    let model = try LatentMIMModel(configuration, seed: 2)
    let views = try Views.sample(configuration, seed: 1, images: [0, 1])
    let bad = try images(2)
    bad.pointer[24 * 30 * 3 + 2] = .nan
    let error = #expect(throws: NonFiniteError.self) { try model.loss(bad, views: views, gamma: 0.5) }
    #expect(error?.description.contains("[1, 0, 0, 2]") == true)
    #expect(throws: ShapeError.self) { try model.loss(images(3), views: views, gamma: 0.5) }
    let small = try randomTensor([2, 23, 30, 3], seed: 1)
    #expect(throws: ShapeError.self) { try model.loss(small, views: views, gamma: 0.5) }
    #expect(try model.loss(images(2), views: views, gamma: 0.5).loss.isFinite)
  }

  @Test func featuresOfAnImageDoNotDependOnItsBatch() throws {
    let encoder = try LatentMIMModel(configuration, seed: 2).onlineEncoder
    let batch = try randomTensor([20, 8, 12, 3], seed: 4)
    let all = try encoder.features(batch)
    #expect(all.shape == [20, 7, 32])
    let size = 8 * 12 * 3
    let last = try encoder.features(Tensor(shape: [1, 8, 12, 3], values: batch.values[19 * size..<20 * size]))
    expectClose(last.values, all.values[19 * 7 * 32..<20 * 7 * 32].map(Double.init), absolute: 1e-5)
  }

  @Test func impossibleTapsAndSizesAreRefused() throws {
    let encoder = try LatentMIMModel(configuration, seed: 2).onlineEncoder
    let odd = try randomTensor([1, 8, 13, 3], seed: 1)
    expectShapeError("features", "width is 13", "12 and 16") { _ = try encoder.features(odd) }
    let even = try randomTensor([1, 8, 12, 3], seed: 1)
    expectShapeError("features", "layer is 3") { _ = try encoder.features(even, tap: FeatureTap(layer: 3)) }
    expectShapeError("features", "norm") {
      _ = try encoder.features(even, tap: FeatureTap(normed: false, projected: true))
    }
    let grey = try randomTensor([1, 8, 12, 1], seed: 1)
    expectShapeError("features", "[1, 8, 12, 1]") { _ = try encoder.features(grey) }
  }

  @Test func effectiveRankCountsDirections() throws {
    func rank(_ shape: [Int], _ values: [Float]) throws -> Double? {
      try Spectrum(Tensor(shape: shape, values: values), isCentred: true)?.effectiveRank
    }
    // Three orthogonal directions of equal weight, in more rows than columns and the reverse.
    let simplex: [Float] = [1, 0, 0, -1, 0, 0, 0, 1, 0, 0, -1, 0, 0, 0, 1, 0, 0, -1]
    #expect(try abs(#require(try rank([6, 3], simplex)) - 3) < 1e-5)
    let line: [Float] = (0..<40).map { Float($0 / 10) * Float($0 % 10) }
    #expect(try abs(#require(try rank([4, 10], line)) - 1) < 1e-5)
    #expect(try rank([3, 2], [1, 2, 1, 2, 1, 2]) == 1)
    #expect(try rank([2, 2], [1, .nan, 0, 0]) == nil)
  }
}
