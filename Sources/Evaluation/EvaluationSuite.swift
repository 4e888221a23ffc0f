import Compute
import Files
import Images
import LatentMIM

/// The protocols of a suite unless others are named: all but fine-tuning, which takes far longer than the rest.
public let suiteProtocols = scoringProtocols.map { $0.name }.filter { $0 != FineTuning.name }

/// Scores an encoder by every protocol that applies, with its defaults; what does not apply is named with the reason.
///
/// - Parameters:
///   - train: what protocols learn from; without one, those are left out.
///   - test: what they are scored on.
///   - protocols: their names.
/// - Throws: `EvaluationError.unknownProtocol`, errors of the data sets (labels missing above all) and of the encoder,
///   `Interrupted`, what `progress` throws.
public func evaluationSuite(
  _ encoder: Encoder, train: (any ImageDataset)?, test: any ImageDataset, protocols: [String] = suiteProtocols,
  progress: EvaluationProgress = { _, _, _ in }
) throws -> EvaluationReport {
  let entries = try protocols.map { EvaluationEntry(try scoringProtocol(named: $0).init(), for: encoder) }
  var (results, leftOut): ([Int: EvaluationResult], [EvaluationReport.LeftOut]) = ([:], [])
  try score(encoder, train: train, test: test, entries, progress: progress) { index, outcome in
    do {
      results[index] = try outcome.get()
    } catch let error as EvaluationError {
      // The protocol's name stands before the reason already.
      let name = protocols[index]
      leftOut.append(.init(name: name, reason: error.scoring == name ? error.problem : error.description))
    }
  }
  return EvaluationReport(results: entries.indices.compactMap { results[$0] }, leftOut: leftOut)
}
