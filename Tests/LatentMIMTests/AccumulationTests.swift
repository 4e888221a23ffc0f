import Compute
import TestSupport
import Testing

@testable import LatentMIM

/// A batch that is computed in parts has the loss and the gradient of the whole, whatever mixes its images.
@Suite struct AccumulationTests {
  enum Trial: String, CaseIterable {
    case batchConstraint, imageConstraint, noConstraint, unprojected, contrast, contrastAlone, blocks, dropout
    case reconstruction, tokens, recolored
  }

  private func configuration(_ trial: Trial) -> ModelConfiguration {
    var model = smallConfiguration()
    model.similarityForm = .batch
    switch trial {
    case .batchConstraint: break
    case .imageConstraint: model.similarityForm = .image
    case .noConstraint: model.similarityCoefficient = 0
    case .unprojected: model.similarityTokens = .unprojected
    case .contrast: (model.contrastCoefficient, model.similarityCoefficient) = (0.5, 1)
    case .contrastAlone: (model.contrastCoefficient, model.similarityCoefficient) = (1, 0)
    case .blocks:
      (model.rows, model.columns) = (8, 9)
      (model.mask, model.targetSees, model.negatives) = (.multiBlock, .all, .all)
    case .dropout: (model.dropout, model.dropPath) = (0.2, 0.3)
    case .reconstruction: model.objective = .huber
    case .tokens: model.maskedInput = .token
    case .recolored: model.targetView = .recolored
    }
    return model
  }

  private struct Step {
    let metrics: StepMetrics
    /// A tenth of the gradient.
    let means: [Float]
  }

  private func step(_ model: ModelConfiguration, parts: Int) throws -> Step {
    var training = smallTraining()
    (training.accumulationSteps, training.precision) = (parts, .float32)
    let trainer = try Trainer(LatentMIMModel(model, seed: 1), dataset: randomImages(27), configuration: training)
    let metrics = try #require(try trainer.next())
    return Step(metrics: metrics, means: trainer.optimizer.slots.flatMap { Array($0.mean.values) })
  }

  @Test(arguments: Trial.allCases, [2, 4])
  func partsAreTheWhole(_ trial: Trial, parts: Int) throws {
    let model = configuration(trial)
    let (whole, cut) = (try step(model, parts: 1), try step(model, parts: parts))
    #expect(abs(cut.metrics.batch.loss - whole.metrics.batch.loss) < 2e-6 * max(abs(whole.metrics.batch.loss), 1))
    #expect(abs(cut.metrics.gradientNorm / whole.metrics.gradientNorm - 1) < 1e-4)
    #expect(abs(cut.metrics.batch.effectiveRank - whole.metrics.batch.effectiveRank) < 1e-3)
    #expect(abs(cut.metrics.batch.similarityPredictions - whole.metrics.batch.similarityPredictions) < 1e-5)
    // Means hold a tenth of the gradient, so that float32 rounding of its sums is far below 1e-6.
    expectClose(cut.means, whole.means.map(Double.init), absolute: 1e-6, relative: 1e-3)
  }
}
