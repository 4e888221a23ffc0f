import CLatentMIM
import Compute
import Evaluation
import Files
import Images
import LatentMIM

@c @implementation
public func lm_evaluate(
  _ encoder: OpaquePointer?, _ train: OpaquePointer?, _ test: OpaquePointer?, _ entriesText: UnsafePointer<CChar>?,
  _ progress: lm_progress?, _ context: UnsafeMutableRawPointer?,
  _ report: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> lm_status {
  attempt {
    let encoder = try object(encoder, Encoder.self)
    let training = try train.map { try object($0, DatasetBox.self).dataset }
    let tested = try object(test, DatasetBox.self).dataset
    let list = try options(entriesText, "entries")
    if case .object = list.value {
      try list.refuseKeys(otherThan: ["suite"])
      let names = try list.optionalMember("suite")?.elements().map { try $0.string() }
      let found = try evaluationSuite(
        encoder, train: training, test: tested, protocols: names ?? suiteProtocols,
        progress: evaluationProgress(progress, context))
      return handOut(try found.json.text(), report)
    }
    let entries = try list.elements().map {
      try EvaluationEntry(json: $0, for: encoder.configuration, hasClassToken: encoder.hasClassToken)
    }
    let results = try evaluate(
      encoder, train: training, test: tested, entries, progress: evaluationProgress(progress, context))
    handOut(try EvaluationReport(results: results).json.text(), report)
  }
}

@c @implementation
public func lm_evaluate_features(
  _ train: UnsafePointer<lm_labelled_features>?, _ test: UnsafePointer<lm_labelled_features>?,
  _ tap: UnsafePointer<CChar>?, _ entriesText: UnsafePointer<CChar>?, _ progress: lm_progress?,
  _ context: UnsafeMutableRawPointer?, _ report: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> lm_status {
  attempt {
    let training = try train.map { try $0.pointee.features(set: "training") }
    let tested = try given(test, "test").pointee.features(set: "test")
    let name = try text(tap, "tap")
    let results = try options(given(entriesText, "entries"), "entries").elements().map { entry in
      try entry.refuseKeys(otherThan: ["protocol", "options"])
      return try evaluate(
        train: training, test: tested, tap: name, scoringProtocol(entry),
        progress: evaluationProgress(progress, context))
    }
    handOut(try EvaluationReport(results: results).json.text(), report)
  }
}

@c @implementation
public func lm_fine_tune(
  _ encoder: OpaquePointer?, _ train: OpaquePointer?, _ test: OpaquePointer?, _ optionsText: UnsafePointer<CChar>?,
  _ featuresText: UnsafePointer<CChar>?, _ progress: lm_progress?, _ context: UnsafeMutableRawPointer?,
  _ tuned: UnsafeMutablePointer<OpaquePointer?>?, _ report: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> lm_status {
  attempt {
    let encoder = try object(encoder, Encoder.self)
    let configuration = encoder.configuration
    let features = try FeatureProtocol(
      FeatureOptions(json: options(featuresText, FineTuning.name)), for: configuration,
      over: FineTuning.features(for: configuration))
    let found = try fineTune(
      encoder, train: object(train, DatasetBox.self).dataset, test: object(test, DatasetBox.self).dataset,
      FineTuning(json: options(optionsText, FineTuning.name)), features: features,
      progress: evaluationProgress(progress, context))
    let text = try EvaluationReport(results: [found.result]).json.text()
    try handOut(found.encoder, tuned)
    handOut(text, report)
  }
}

extension lm_labelled_features {
  /// The features where they lie, for the length of a call.
  fileprivate func features(set: String) throws -> LabelledFeatures {
    let size = try elementCount([count, width], "features of the \(set) set")
    let values = UnsafeBufferPointer(start: try given(values, "values of the \(set) set"), count: size)
    let labels = labels.map { UnsafeBufferPointer(start: $0, count: Int(max(count, 0))).map { Int($0) } }
    return try LabelledFeatures(
      set: set, borrowing: values, count: Int(count), width: Int(width), labels: labels)
  }
}

private func evaluationProgress(_ progress: lm_progress?, _ context: UnsafeMutableRawPointer?) -> EvaluationProgress {
  { what, done, total in
    guard let progress, !what.withCString({ progress(context, $0, Int64(done), Int64(total)) }) else { return }
    throw Interrupted()
  }
}
