import Compute
import Files
import LatentMIM
import Segmentation

/// One protocol on one kind of features.
public struct EvaluationEntry: Sendable {
  public var scoring: any ScoringProtocol
  public var features: FeatureProtocol

  /// - Parameter features: the protocol's own where not given.
  public init(_ scoring: any ScoringProtocol, for model: ModelConfiguration, features: FeatureProtocol? = nil) {
    self.scoring = scoring
    self.features = features ?? type(of: scoring).features(for: model)
  }

  /// The protocol on its own features, or what is nearest to them of this encoder.
  init(_ scoring: any ScoringProtocol, for encoder: Encoder) {
    let usual = type(of: scoring).features(for: encoder.configuration)
    self.init(scoring, for: encoder.configuration, features: usual.adapted(hasClassToken: encoder.hasClassToken))
  }

  /// Reads {"protocol": name, "options": {…}, "features": {…}}.
  ///
  /// - Parameter hasClassToken: whether the encoder has one; its protocols' own features make do without.
  /// - Throws: `JSONError`, `ConfigurationError`, `EvaluationError`, `ShapeError`, `PrecisionError`.
  public init(json: JSONCursor, for model: ModelConfiguration, hasClassToken: Bool = true) throws {
    try json.refuseKeys(otherThan: ["protocol", "options", "features"])
    scoring = try scoringProtocol(json)
    let usual = type(of: scoring).features(for: model).adapted(hasClassToken: hasClassToken)
    guard let given = try json.optionalMember("features") else {
      features = usual
      return
    }
    features = try FeatureProtocol(
      json: JSONCursor(given.value, source: type(of: scoring).name), for: model, over: usual)
  }
}

/// Every protocol that scores what an encoder makes of images.
public let scoringProtocols: [any ScoringProtocol.Type] = [
  LeaveOneOut.self, WeightedNeighbors.self, UniformNeighbors.self, LinearProbe.self, FewShotTransfer.self,
  FineTuning.self,
]

/// The options of evaluation and segmentation, by the name of their list.
private let evaluationLists: [String: JSONValue] = Dictionary(
  uniqueKeysWithValues: scoringProtocols.map { ($0.name, $0.listing) } + [
    (FeatureOptions.name, FeatureOptions.listing), (WithoutLabels.name, WithoutLabels.listing),
    (TrackingOptions.name, TrackingOptions.listing),
    (VideoScoring.name, VideoScoring.listing), (SegmentationScoring.name, SegmentationScoring.listing),
  ])

/// The list of options of that name, for other languages (`Configurable.listing`): of configurations,
/// evaluation or segmentation.
///
/// - Throws: `ArgumentError` with the names there are.
public func optionList(named name: String) throws -> JSONValue {
  let lists = configurationLists.merging(evaluationLists) { first, _ in first }
  guard let found = lists[name] else {
    throw ArgumentError("options: there is no list \(quoted([name])), wanted \(oneOf(lists.keys.sorted()))")
  }
  return found
}

/// The protocol of that name.
///
/// - Throws: `EvaluationError.unknownProtocol`.
func scoringProtocol(named name: String) throws -> any ScoringProtocol.Type {
  guard let type = scoringProtocols.first(where: { $0.name == name }) else {
    throw EvaluationError.unknownProtocol(name, known: scoringProtocols.map { $0.name })
  }
  return type
}

/// The protocol that {"protocol": name, "options": {…}} names.
///
/// - Throws: `JSONError`, `ConfigurationError`, `EvaluationError`.
public func scoringProtocol(_ json: JSONCursor) throws -> any ScoringProtocol {
  let type = try scoringProtocol(named: json.member("protocol").string())
  guard let options = try json.optionalMember("options") else { return type.init() }
  // Messages name the protocol, not the place in a list that no user wrote.
  return try type.init(json: JSONCursor(options.value, source: type.name))
}
