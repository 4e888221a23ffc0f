import CLatentMIM
import Compute
import Evaluation
import Images
import LatentMIM

@c @implementation public func lm_pool(
  _ features: Floats, _ count: Int64, _ tokens: Int64, _ width: Int64, _ hasClassToken: Bool, _ pooling: Text,
  _ k: Int64, _ pooled: FloatPlace
) -> lm_status {
  attempt {
    let values = try array(features, [count, tokens, width], "features")
    let result = try Pooling(choice(pooling, "pooling"), k: Int(k))(
      values, batch: Int(count), patches: Int(tokens) - (hasClassToken ? 1 : 0), width: Int(width),
      hasClassToken: hasClassToken)
    try write(result.values, pooled, "pooled")
  }
}

@c @implementation public func lm_evaluate(
  _ handle: Handle, _ train: Handle, _ test: Handle, _ entriesText: Text, _ progress: lm_progress?,
  _ context: UnsafeMutableRawPointer?, _ report: TextPlace
) -> lm_status {
  attempt(handingOut: report) {
    try evaluationReport(
      encoder(handle), train: train == nil ? nil : dataset(train), test: dataset(test),
      request: options(entriesText, "entries"), progress: evaluationProgress(progress, context)
    ).json.text()
  }
}

@c @implementation public func lm_evaluate_features(
  _ train: UnsafePointer<lm_labelled_features>?, _ test: UnsafePointer<lm_labelled_features>?, _ tap: Text,
  _ entriesText: Text, _ progress: lm_progress?, _ context: UnsafeMutableRawPointer?, _ report: TextPlace
) -> lm_status {
  attempt(handingOut: report) {
    try evaluationReport(
      train: train.map { try LabelledFeatures($0.pointee, set: "training") },
      test: LabelledFeatures(given(test, "test").pointee, set: "test"), tap: text(tap, "tap"),
      request: options(given(entriesText, "entries"), "entries"), progress: evaluationProgress(progress, context)
    ).json.text()
  }
}

@c @implementation public func lm_evaluate_without_labels(
  _ handle: Handle, _ images: Handle, _ optionsText: Text, _ featuresText: Text, _ progress: lm_progress?,
  _ context: UnsafeMutableRawPointer?, _ report: TextPlace
) -> lm_status {
  attempt(handingOut: report) {
    let encoder = try encoder(handle)
    return try reportWithoutLabels(
      encoder, dataset(images), WithoutLabels(json: options(optionsText, WithoutLabels.name)),
      features: featureProtocol(featuresText, encoder.configuration), progress: evaluationProgress(progress, context)
    ).json.text()
  }
}

@c @implementation public func lm_evaluate_features_without_labels(
  _ features: Floats, _ count: Int64, _ views: Int64, _ width: Int64, _ report: TextPlace
) -> lm_status {
  attempt(handingOut: report) {
    try reportWithoutLabels(
      vectors: array(features, [count, views, width], "features"), count: Int(count), views: Int(views),
      width: Int(width)
    ).json.text()
  }
}

@c @implementation public func lm_collapsed_similarity() -> Double { collapsedSimilarity }

@c @implementation public func lm_nearest_rows(
  _ queries: Floats, _ count: Int64, _ bank: Floats, _ bankCount: Int64, _ width: Int64, _ k: Int64,
  _ rows: IntegerPlace, _ cosines: NumberPlace
) -> lm_status {
  attempt {
    let known = try features(bank, bankCount, width, "bank")
    let found =
      try queries == nil
      ? nearestNeighbors(among: known, k: Int(k))
      : nearestNeighbors(of: features(queries, count, width, "query"), in: known, k: Int(k))
    try write((0..<found.queries).flatMap { found.rows(of: $0).map { Int64($0) } }, rows, "rows")
    try write((0..<found.queries).flatMap { found.cosines(of: $0) }, cosines, "cosines")
  }
}

@c @implementation public func lm_near_groups(
  _ vectors: Floats, _ count: Int64, _ width: Int64, _ threshold: Double, _ progress: lm_progress?,
  _ context: UnsafeMutableRawPointer?, _ groups: IntegerPlace
) -> lm_status {
  attempt {
    let found = try nearGroups(
      among: features(vectors, count, width, "given"), threshold: threshold,
      progress: evaluationProgress(progress, context))
    try write(found.map { Int64($0) }, groups, "groups")
  }
}

/// Rows without labels, where they lie.
private func features(_ values: Floats, _ count: Int64, _ width: Int64, _ set: String) throws -> LabelledFeatures {
  let rows = try array(values, [count, width], "features of the \(set) set")
  return try LabelledFeatures(
    set: set, borrowing: rows, count: Int(count), width: Int(width), labels: [Int](repeating: 0, count: Int(count)))
}

@c @implementation public func lm_fine_tune(
  _ handle: Handle, _ train: Handle, _ test: Handle, _ optionsText: Text, _ featuresText: Text,
  _ progress: lm_progress?, _ context: UnsafeMutableRawPointer?, _ tuned: HandlePlace, _ report: TextPlace
) -> lm_status {
  attempt {
    let encoder = try encoder(handle)
    let configuration = encoder.configuration
    let features = try FeatureProtocol(
      json: options(featuresText, FineTuning.name), for: configuration, over: FineTuning.features(for: configuration))
    let found = try fineTune(
      encoder, train: dataset(train), test: dataset(test), FineTuning(json: options(optionsText, FineTuning.name)),
      features: features, progress: evaluationProgress(progress, context))
    let text = try EvaluationReport(results: [found.result]).json.text()
    try handOut(found.encoder, tuned)
    handOut(text, report)
  }
}

extension LabelledFeatures {
  /// The same, where they lie, for the length of a call.
  fileprivate init(_ features: lm_labelled_features, set: String) throws {
    let (count, width) = (features.count, features.width)
    let values = try array(features.values, [count, width], "features of the \(set) set")
    let labels = try features.labels.map { try integers($0, count, "labels of the \(set) set") }
    try self.init(set: set, borrowing: values, count: Int(count), width: Int(width), labels: labels)
  }
}

private func evaluationProgress(_ progress: lm_progress?, _ context: UnsafeMutableRawPointer?) -> EvaluationProgress {
  { what, done, total in
    guard let progress, !what.withCString({ progress(context, $0, Int64(done), Int64(total)) }) else { return }
    throw Interrupted()
  }
}
