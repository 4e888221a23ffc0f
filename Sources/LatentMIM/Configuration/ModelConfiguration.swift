import Files
import Networks
import Tensors

/// The two readings of the method: `official`, the authors' code with the arguments of their published command; `paper`, the text
/// taken literally.
public enum Preset: String, Sendable, CaseIterable {
  case official
  case paper
}

/// Which offsets a patch may take inside its cell of P + G pixels.
public enum GapOffset: String, Sendable, CaseIterable {
  /// 0 … G − 1
  case exclusive
  /// 0 … G: every position in the cell
  case inclusive
}

/// Which encoders have a projector.
public enum ProjectorPlacement: String, Sendable, CaseIterable {
  /// The online encoder, and its average in the target encoder.
  case both
  /// The online encoder alone; targets are un-projected.
  case online
  case none
}

/// The factor of the visual cues' logits position_t · position_v.
public enum CueScale: String, Sendable, CaseIterable {
  /// 1/√D
  case sqrt
  /// 1
  case none
}

/// Which tokens of the online encoder the similarity constraint holds.
public enum SimilarityTokens: String, Sendable, CaseIterable {
  case projected
  case unprojected
}

/// Everything that makes a Latent MIM model, but its weights. Names are those of configuration files and of Python.
public struct ModelConfiguration: Sendable, Equatable {
  /// Grid cells: rows and columns.
  public var rows = 14
  public var columns = 14
  /// P, pixels; G, pixels; numbers per pixel.
  public var patchSize = 16
  public var patchGap = 4
  public var channels = 3
  /// V, patches the online encoder sees.
  public var numVisible = 20
  /// The encoder: C, blocks, heads, hidden width of the MLP as a multiple of C.
  public var width = 768
  public var depth = 12
  public var heads = 12
  public var mlpRatio = 4.0
  /// The decoder: D, blocks, heads.
  public var decoderWidth = 512
  public var decoderDepth = 3
  public var decoderHeads = 16
  public var projector = ProjectorPlacement.both
  public var projectorWidth = 4096
  public var projectorDepth = 3
  public var gapOffset = GapOffset.exclusive
  public var positions = PositionRule.linspace
  public var cueScale = CueScale.sqrt
  /// Whether predictions are standardised over the patches of an image before they are compared.
  public var standardizePredictions = true
  /// τ of patch discrimination.
  public var temperature = 0.2
  /// The loss is this multiple of τ times the cross-entropy.
  public var lossScale = 2.0
  public var similarityCoefficient = 0.1
  public var similarityForm = DeviationForm.batch
  public var similarityTokens = SimilarityTokens.projected
  /// Pixels in 0 … 1 become (x − mean)/std, channel by channel, before the model sees them. ImageNet's by default.
  public var mean = [0.485, 0.456, 0.406]
  public var std = [0.229, 0.224, 0.225]

  /// The published model (ViT-B/16) as `preset` reads it.
  public init(preset: Preset = .official) {
    guard preset == .paper else { return }
    gapOffset = .inclusive
    positions = .index
    projector = .online
    cueScale = .none
    standardizePredictions = false
    lossScale = 1
    similarityForm = .image
    similarityTokens = .unprojected
  }

  /// L, grid cells; T, target patches.
  public var numPatches: Int { rows * columns }
  public var numTarget: Int { numPatches - numVisible }
  /// The training crop, in pixels.
  public var cropHeight: Int { rows * (patchSize + patchGap) }
  public var cropWidth: Int { columns * (patchSize + patchGap) }
  /// The image without gaps, in pixels: what inference sees by default.
  public var imageHeight: Int { rows * patchSize }
  public var imageWidth: Int { columns * patchSize }

  /// Parameters of the encoder's blocks without biases and norms: a lower bound that takes no memory to find.
  var leastParameterCount: Int { depth * width * (4 * width + 2 * Int(Double(width) * mlpRatio)) }

  var patchGrid: PatchGrid { PatchGrid(rows: rows, columns: columns, side: patchSize, gap: patchGap) }
  var positionTable: SinCosPositions { SinCosPositions(rows: rows, columns: columns, rule: positions) }
}

extension ModelConfiguration: Configurable {
  static var options: [Option<Self>] {
    [
      grid,
      .integer("patch_size", \.patchSize, 1...256),
      .integer("patch_gap", \.patchGap, 0...256),
      .integer("channels", \.channels, 1...64),
      .integer("num_visible", \.numVisible, 1...65536),
      .integer("width", \.width, 4...8192),
      .integer("depth", \.depth, 1...128),
      .integer("heads", \.heads, 1...256),
      .number("mlp_ratio", \.mlpRatio, 0.25...16),
      .integer("decoder_width", \.decoderWidth, 4...8192),
      .integer("decoder_depth", \.decoderDepth, 1...128),
      .integer("decoder_heads", \.decoderHeads, 1...256),
      .choice("projector", \.projector),
      .integer("projector_width", \.projectorWidth, 1...32768),
      .integer("projector_depth", \.projectorDepth, 1...16),
      .choice("gap_offset", \.gapOffset),
      .choice("positions", \.positions),
      .choice("cue_scale", \.cueScale),
      .flag("standardize_predictions", \.standardizePredictions),
      .number("temperature", \.temperature, 0.001...100),
      .number("loss_scale", \.lossScale, 0.001...1000),
      .number("similarity_coefficient", \.similarityCoefficient, 0...1000),
      .choice("similarity_form", \.similarityForm),
      .choice("similarity_tokens", \.similarityTokens),
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

  /// Every option by its name.
  public var json: JSONValue { allOptions }

  /// Reads options over a preset. Besides the options: `preset`; `size`, a named encoder such as `vit_small`; `mask_ratio`, the share
  /// of patches that are targets, in place of `num_visible` (default 0.9).
  ///
  /// - Throws: `ConfigurationError`, `JSONError`.
  public init(json: JSONPlace) throws {
    self.init(preset: try json.preset())
    if let size = try json.optionalMember("size") { try setSize(size.string()) }
    try apply(json, also: ["preset", "size", "mask_ratio"])
    try setVisible(json)
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

  /// Sets the number of visible patches from `mask_ratio`, 0.9 where neither it nor `num_visible` is given.
  ///
  /// - Throws: `ConfigurationError`, `JSONError`.
  mutating func setVisible(_ json: JSONPlace) throws {
    let ratio = try json.optionalMember("mask_ratio")?.double()
    let isNumberGiven = try json.optionalMember("num_visible") != nil
    if isNumberGiven, ratio != nil {
      throw ConfigurationError("mask_ratio", "and num_visible are both given, wanted one of them")
    }
    guard !isNumberGiven else { return }
    let share = ratio ?? 0.9
    guard (0..<1).contains(share) else { throw ConfigurationError("mask_ratio", "is \(share), wanted 0 ≤ ratio < 1") }
    numVisible = max(1, Int((Double(numPatches) * (1 - share)).rounded()))
  }

  /// - Throws: `ConfigurationError` where an option is out of its range or options do not go together.
  public func validate() throws {
    try checkRanges()
    for (name, width, headsName, heads) in [
      ("width", width, "heads", heads), ("decoder_width", decoderWidth, "decoder_heads", decoderHeads),
    ] {
      guard width % heads == 0 else {
        throw ConfigurationError(name, "is \(width), not divisible by \(headsName) = \(heads)")
      }
      guard width % 4 == 0 else {
        throw ConfigurationError(name, "is \(width), wanted a multiple of 4 (sine and cosine of two axes)")
      }
    }
    for (name, values) in [("mean", mean), ("std", std)] where values.count != channels {
      throw ConfigurationError(name, "has \(values.count) values, wanted one for each of \(channels) channels")
    }
    guard numPatches >= 3, numVisible <= numPatches - 2 else {
      throw ConfigurationError(
        "num_visible", "is \(numVisible) of \(numPatches) grid cells, wanted at least 2 cells left as targets")
    }
  }

  /// The options in which this differs from a preset.
  public func differences(from preset: Preset) -> [(name: String, here: JSONValue, there: JSONValue)] {
    differences(from: ModelConfiguration(preset: preset))
  }
}

extension JSONPlace {
  /// The preset that a configuration names; `official` where it names none.
  func preset() throws -> Preset {
    guard let place = try optionalMember("preset") else { return .official }
    let name = try place.string()
    guard let preset = Preset(rawValue: name) else {
      throw ConfigurationError("preset", "is '\(name)', wanted 'official' or 'paper'")
    }
    return preset
  }
}
