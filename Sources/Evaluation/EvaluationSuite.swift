import Compute
import Images
import LatentMIM

/// Scores an encoder by every protocol that applies, with its defaults; what does not apply is named with the reason.
///
/// - Parameters:
///   - train: what protocols learn from; without one, those are left out.
///   - test: what they are scored on.
/// - Throws: errors of the data sets (labels missing above all) and of the encoder, `Interrupted`, what `progress`
///   throws.
public func evaluationSuite(
  _ encoder: Encoder, train: (any ImageDataset)?, test: any ImageDataset,
  progress: EvaluationProgress = { _, _, _ in }
) throws -> EvaluationReport {
  let entries = scoringProtocols.map { type in
    let scoring = type.init()
    return EvaluationEntry(train.map { scoring.reduced(toTraining: $0.count) } ?? scoring, for: encoder)
  }
  var (results, leftOut): ([Int: EvaluationResult], [EvaluationReport.LeftOut]) = ([:], [])
  try score(encoder, train: train, test: test, entries, progress: progress) { index, outcome in
    do {
      results[index] = try outcome.get()
    } catch let error as EvaluationError {
      leftOut.append(.init(name: scoringProtocols[index].name, reason: error.description))
    }
  }
  return EvaluationReport(results: entries.indices.compactMap { results[$0] }, leftOut: leftOut)
}
