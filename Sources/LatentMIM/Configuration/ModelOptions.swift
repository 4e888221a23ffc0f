import Files
import Networks

extension ModelConfiguration: Configurable {
  static var options: [Option<Self>] {
    [
      grid,
      .integer("patch_size", \.patchSize, 1...256),
      .integer("patch_gap", \.patchGap, 0...256),
      .integer("channels", \.channels, 1...64),
      .choice("crop_rule", \.cropRule),
      .choice("gap_offset", \.gapOffset),
      .choice("positions", \.positions),
      .flag("learn_positions", \.learnPositions),
      numVisible,
      .choice("mask", \.mask),
      .integer("mask_block", \.maskBlock, 1...64),
      .choice("masked_input", \.maskedInput),
      .integer("width", \.width, 4...8192),
      .integer("depth", \.depth, 1...128),
      .integer("heads", \.heads, 1...256),
      .number("mlp_ratio", \.mlpRatio, 0.25...16),
      .flag("class_token", \.classToken),
      .number("dropout", \.dropout, 0...0.95),
      .number("drop_path", \.dropPath, 0...0.95),
      .choice("projector", \.projector),
      .integer("projector_width", \.projectorWidth, 1...32768),
      .integer("projector_depth", \.projectorDepth, 1...16),
      .choice("target_encoder", \.targetEncoder),
      .optionalInteger("target_depth", \.targetDepth, 0...128),
      .choice("low_level_target", \.lowLevelTarget),
      .choice("target_sees", \.targetSees),
      .integer("target_layers", \.targetLayers, 0...128),
      .choice("target_norm", \.targetNorm),
      .choice("target_view", \.targetView),
      .choice("decoder", \.decoder),
      .integer("decoder_width", \.decoderWidth, 4...8192),
      .integer("decoder_depth", \.decoderDepth, 1...128),
      .integer("decoder_heads", \.decoderHeads, 1...256),
      .flag("visual_cues", \.visualCues),
      .choice("cue_scale", \.cueScale),
      .choice("objective", \.objective),
      .number("huber_delta", \.huberDelta, 1e-6...1e6),
      .flag("standardize_predictions", \.standardizePredictions),
      .number("temperature", \.temperature, 0.001...100),
      .number("loss_scale", \.lossScale, 0.001...1000),
      .choice("negatives", \.negatives),
      .number("false_negative_threshold", \.falseNegativeThreshold, -1...1),
      .number("similarity_coefficient", \.similarityCoefficient, 0...1000),
      .choice("similarity_form", \.similarityForm),
      .choice("similarity_tokens", \.similarityTokens),
      .number("contrast_coefficient", \.contrastCoefficient, 0...1000),
      .number("contrast_temperature", \.contrastTemperature, 0.001...100),
      .numbers("mean", \.mean, -1000...1000),
      .numbers("std", \.std, 0.000001...1000),
    ]
  }

  /// `grid`: [rows, columns], or one number for a square one.
  private static var grid: Option<Self> {
    Option(name: "grid") {
      .array([.integer($0.rows), .integer($0.columns)])
    } write: { root, place in
      let sides: [Int]
      switch place.value {
      case .integer(let side): sides = [side, side]
      case .array: sides = try place.elements().map { try $0.int() }
      case let other:
        throw ConfigurationError("grid", "is \(try other.text()), wanted rows and columns, or one whole number")
      }
      guard sides.count == 2, sides.allSatisfy((1...256).contains) else {
        throw ConfigurationError("grid", "is \(sides), wanted rows and columns, each 1 … 256")
      }
      (root.rows, root.columns) = (sides[0], sides[1])
    }
  }

  /// `num_visible`: null where masks draw it, and for what `mask_ratio` says.
  private static var numVisible: Option<Self> {
    let number = Option<Self>.integer("num_visible", \.numVisible, 1...65536)
    return Option(name: number.name) {
      $0.patchCounts == nil ? .null : number.read($0)
    } write: { root, place in
      if place.value != .null { try number.write(&root, place) }
    }
  }

  /// Every option by its name.
  public var json: JSONValue { allOptions }

  /// Reads options over a preset. Besides the options: `preset`; `size`, a named encoder such as `vit_small`;
  /// `mask_ratio`, the share of patches that are targets, in place of `num_visible`. What others decide unless it is
  /// given: cues go with the cross-attention decoder, low-level targets with `normalized_mse`.
  ///
  /// - Throws: `ConfigurationError`, `JSONError`.
  public init(json: JSONCursor) throws {
    let preset = try json.preset()
    self.init(preset: preset)
    if let size = try json.optionalMember("size") { try setSize(size.string()) }
    try apply(json, also: ["preset", "size", "mask_ratio"])
    try setRelated(json)
    try setVisible(json, preset: preset)
    setNormalization(
      isMeanGiven: try json.optionalMember("mean") != nil, isStdGiven: try json.optionalMember("std") != nil)
    try validate()
  }

  /// ImageNet's figures are for red, green and blue: other images are brought to about −2 … 2.
  mutating func setNormalization(isMeanGiven: Bool, isStdGiven: Bool) {
    guard channels != 3, channels > 0 else { return }
    if !isMeanGiven { mean = Array(repeating: 0.5, count: channels) }
    if !isStdGiven { std = Array(repeating: 0.25, count: channels) }
  }

  /// Sets what follows from other options where it is not given itself.
  ///
  /// - Throws: `JSONError`.
  mutating func setRelated(_ json: JSONCursor) throws {
    func isGiven(_ name: String) throws -> Bool { try json.optionalMember(name) != nil }
    if try isGiven("decoder"), try !isGiven("visual_cues") { visualCues = decoder == .crossAttention }
    if try isGiven("low_level_target"), try !isGiven("target_depth") { targetDepth = 0 }
    if try isGiven("target_depth") || isGiven("low_level_target"), targetDepth == 0, try !isGiven("objective") {
      objective = .normalizedMSE
    }
  }

  /// Sets the number of visible patches from `mask_ratio`, the preset's where neither it nor `num_visible` is given.
  ///
  /// - Throws: `ConfigurationError`, `JSONError`.
  mutating func setVisible(_ json: JSONCursor, preset: Preset) throws {
    let ratio = try json.optionalMember("mask_ratio")?.double()
    let isNumberGiven = try json.optionalMember("num_visible").map { $0.value != .null } ?? false
    if isNumberGiven, ratio != nil {
      throw ConfigurationError("mask_ratio", "and num_visible are both given, wanted one of them")
    }
    guard !isNumberGiven else { return }
    let share = ratio ?? preset.maskRatio
    guard (0..<1).contains(share) else { throw ConfigurationError("mask_ratio", "is \(share), wanted 0 ≤ ratio < 1") }
    setVisible(maskRatio: share)
  }

  /// V = L·(1 − ratio), rounded; in squares of several patches no more than that.
  mutating func setVisible(maskRatio: Double) {
    let (squares, inSquare) = (numPatches / max(maskBlock * maskBlock, 1), maskBlock * maskBlock)
    let visible = Double(squares) * (1 - maskRatio)
    numVisible = max(1, Int(maskBlock > 1 ? (visible + 1e-9).rounded(.down) : visible.rounded())) * inSquare
  }
}
