import Files
import Networks

extension ModelConfiguration: Configurable {
  public static let name = "model"
  public static let options: [Option<Self>] = [
    Option("grid", .sides(1...256), get: { [$0.rows, $0.columns] }, set: { ($0.rows, $0.columns) = ($1[0], $1[1]) }),
    Option("patch_size", \.patchSize, .integer(1...256)),
    Option("patch_gap", \.patchGap, .integer(0...256)),
    Option("channels", \.channels, .integer(1...64)),
    Option("crop_rule", \.cropRule, .choice),
    Option("gap_offset", \.gapOffset, .choice),
    Option("positions", \.positions, .choice),
    Option("learn_positions", \.learnPositions, .flag),
    // Null where masks draw it, and for what `mask_ratio` says.
    Option(
      "num_visible", .optional(.integer(1...65536)), get: { $0.patchCounts == nil ? nil : $0.numVisible },
      set: { $0.numVisible = $1 ?? $0.numVisible }),
    Option("mask", \.mask, .choice),
    Option("mask_block", \.maskBlock, .integer(1...64)),
    Option("masked_input", \.maskedInput, .choice),
    Option("width", \.width, .integer(4...8192)),
    Option("depth", \.depth, .integer(1...128)),
    Option("heads", \.heads, .integer(1...256)),
    Option("mlp_ratio", \.mlpRatio, .number(0.25...16)),
    Option("class_token", \.classToken, .flag),
    Option("registers", \.registers, .integer(0...256)),
    Option("norm_epsilon", \.normEpsilon, .number(1e-30...1)),
    Option(
      "train_layers", .integer(1...128, orOneOf: TrainedLayers.names), get: { $0.trainLayers.value },
      set: { $0.trainLayers = TrainedLayers($1) }),
    Option("lora_rank", \.loraRank, .integer(0...1024)),
    Option("dropout", \.dropout, .number(0...0.95)),
    Option("drop_path", \.dropPath, .number(0...0.95)),
    Option("projector", \.projector, .choice),
    Option("projector_width", \.projectorWidth, .integer(1...32768)),
    Option("projector_depth", \.projectorDepth, .integer(1...16)),
    Option("target_encoder", \.targetEncoder, .choice),
    Option("target_depth", \.targetDepth, .optional(.integer(0...128))),
    Option("low_level_target", \.lowLevelTarget, .choice),
    Option("target_sees", \.targetSees, .choice),
    Option("target_layers", \.targetLayers, .integer(0...128)),
    Option("target_norm", \.targetNorm, .choice),
    Option("target_view", \.targetView, .choice),
    Option("teacher_width", \.teacherWidth, .optional(.integer(1...65536))),
    Option("teacher_digest", \.teacherDigest, .optional(.text)),
    Option("decoder", \.decoder, .choice),
    Option("decoder_width", \.decoderWidth, .integer(4...8192)),
    Option("decoder_depth", \.decoderDepth, .integer(1...128)),
    Option("decoder_heads", \.decoderHeads, .integer(1...256)),
    Option("visual_cues", \.visualCues, .flag),
    Option("cue_scale", \.cueScale, .choice),
    Option("objective", \.objective, .choice),
    Option("huber_delta", \.huberDelta, .number(1e-6...1e6)),
    Option("standardize_predictions", \.standardizePredictions, .flag),
    Option("temperature", \.temperature, .number(0.001...100)),
    Option("loss_scale", \.lossScale, .number(0.001...1000)),
    Option("negatives", \.negatives, .choice),
    Option("false_negative_threshold", \.falseNegativeThreshold, .number(-1...1)),
    Option("similarity_coefficient", \.similarityCoefficient, .number(0...1000)),
    Option("similarity_form", \.similarityForm, .choice),
    Option("similarity_tokens", \.similarityTokens, .choice),
    Option("contrast_coefficient", \.contrastCoefficient, .number(0...1000)),
    Option("contrast_temperature", \.contrastTemperature, .number(0.001...100)),
    Option("mean", \.mean, .list(.number(0...1, because: pixelRange))),
    Option("std", \.std, .list(.number(0.000001...1, because: pixelRange))),
  ]

  /// Equal where all options are: what `numVisible` holds means nothing where masks draw it.
  public static func == (a: Self, b: Self) -> Bool { a.allOptions == b.allOptions }

  /// Every option by its name.
  public var json: JSONValue { allOptions }

  /// Reads options over a preset. Besides the options: `preset`; `size`, a named encoder such as `vit_small`;
  /// `mask_ratio`, the share of patches that are targets, in place of `num_visible`. What others decide unless it is
  /// given: cues go with the cross-attention decoder, low-level targets with `normalized_mse`, targets that are never
  /// trained with no projector, and a teacher's with `target_sees` = 'all'.
  ///
  /// - Parameters:
  ///   - start: the encoder that weights begin as: says what it is like. One of this project's says everything that
  ///     options do not, unless they name a preset.
  ///   - teacher: of frozen targets, which it asks for.
  /// - Throws: `ConfigurationError`, `JSONError`.
  public init(json: JSONCursor, start: Encoder? = nil, teacher: Encoder? = nil) throws {
    let preset = try json.preset()
    self.init(preset: preset)
    let isContinued = try start?.pretrained == nil && start != nil && json.optionalMember("preset") == nil
    if let start { takeOver(start, isContinued: isContinued) }
    if let teacher { try setTeacher(teacher) }
    if let size = try json.optionalMember("size") { try setSize(size.string()) }
    let ratio = Double(numTarget) / Double(numPatches)
    try apply(json, also: ["preset", "size", "mask_ratio"])
    try start.map { try check(start: $0) }
    try teacher.map { try check(teacher: $0) }
    try setRelated(json)
    try setVisible(json, ratio: isContinued ? (try json.optionalMember("grid") == nil ? nil : ratio) : preset.maskRatio)
    if start == nil {
      setNormalization(
        isMeanGiven: try json.optionalMember("mean") != nil, isStdGiven: try json.optionalMember("std") != nil)
    }
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
    if [.frozen, .randomProjection].contains(targetEncoder) {
      if try !isGiven("projector"), projector == .both { projector = .none }
    }
    if targetEncoder == .frozen {
      if try !isGiven("target_sees") { targetSees = .all }
    }
  }

  /// Sets the number of visible patches from `mask_ratio`; where neither it nor `num_visible` is given, from `ratio`,
  /// if there is one.
  ///
  /// - Throws: `ConfigurationError`, `JSONError`.
  mutating func setVisible(_ json: JSONCursor, ratio usual: Double?) throws {
    let ratio = try json.optionalMember("mask_ratio")?.double()
    let isNumberGiven = try json.optionalMember("num_visible").map { $0.value != .null } ?? false
    if isNumberGiven, ratio != nil {
      throw ConfigurationError("mask_ratio", "and num_visible are both given, wanted one of them")
    }
    guard !isNumberGiven, let share = ratio ?? usual else { return }
    guard (0..<1).contains(share) else { throw ConfigurationError("mask_ratio", "is \(share), wanted 0 ≤ ratio < 1") }
    setVisible(maskRatio: share)
  }

  /// V = L·(1 − ratio), rounded; in squares of several patches no more than that. Where masks draw it, it says nothing:
  /// 1.
  mutating func setVisible(maskRatio: Double) {
    guard patchCounts != nil else { return numVisible = 1 }
    let (squares, inSquare) = (numPatches / max(maskBlock * maskBlock, 1), maskBlock * maskBlock)
    let visible = Double(squares) * (1 - maskRatio)
    numVisible = max(1, Int(maskBlock > 1 ? (visible + 1e-9).rounded(.down) : visible.rounded())) * inSquare
  }
}

private let pixelRange = "pixels are in 0 … 1, so numbers for 0 … 255 are divided by 255"
