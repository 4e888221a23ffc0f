import Files
import Images
import LatentMIM

/// Scores an encoder as JSON asks: [{"protocol", "options", "features"}, …], or {"suite": [protocol, …]}, a suite of
/// these; {}: the usual suite.
///
/// - Throws: `JSONError`, `ConfigurationError`, and as `evaluate` and `evaluationSuite`.
public func evaluationReport(
  _ encoder: Encoder, train: (any ImageDataset)?, test: any ImageDataset, request: JSONCursor,
  progress: EvaluationProgress
) throws -> EvaluationReport {
  if case .object = request.value {
    try request.refuseKeys(otherThan: ["suite"])
    let names = try request.optionalMember("suite")?.elements().map { try $0.string() }
    return try evaluationSuite(
      encoder, train: train, test: test, protocols: names ?? suiteProtocols, progress: progress)
  }
  let entries = try request.elements().map {
    try EvaluationEntry(json: $0, for: encoder.configuration, hasClassToken: encoder.hasClassToken)
  }
  return EvaluationReport(results: try evaluate(encoder, train: train, test: test, entries, progress: progress))
}

/// Scores features as JSON asks: [{"protocol", "options"}, …].
///
/// - Parameter tap: what results say of where the features come from.
/// - Throws: `JSONError`, `ConfigurationError`, and as `evaluate`.
public func evaluationReport(
  train: LabelledFeatures?, test: LabelledFeatures, tap: String, request: JSONCursor, progress: EvaluationProgress
) throws -> EvaluationReport {
  let results = try request.elements().map { entry in
    try entry.refuseKeys(otherThan: ["protocol", "options"])
    return try evaluate(train: train, test: test, tap: tap, scoringProtocol(entry), progress: progress)
  }
  return EvaluationReport(results: results)
}
