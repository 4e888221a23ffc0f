import Compute
import Files
import Networks

/// What is known of another project's encoder besides its weights.
struct PretrainedKnowledge {
  let family: EncoderFamily
  let options: PretrainedOptions
  /// nil: there is nothing of these weights beside them.
  let beside: ConfigurationBeside?

  init(
    _ weights: PretrainedWeights, _ sizes: PretrainedSizes, _ options: PretrainedOptions, _ beside: ConfigurationBeside?
  ) {
    (family, self.options) = (weights.family, options)
    self.beside = beside.flatMap { $0.fits(width: sizes.width) ? $0 : nil }
  }

  var epsilon: Double { options.epsilon ?? beside?.epsilon.flatMap { $0 > 0 ? $0 : nil } ?? family.epsilon }

  var interpolation: (PretrainedSizes) -> PositionInterpolation {
    { options.interpolation ?? family.positions($0.registers) }
  }

  /// Between the layers of MLPs that are not gated, and what is to be said where that is a guess.
  ///
  /// - Throws: `WeightsError` where the configuration has one that is not known here.
  func activation(_ title: String, isGated: Bool) throws -> (activation: Activation, remark: String?) {
    if let given = options.activation { return (given, nil) }
    guard let name = beside?.activation else {
      let alternatives = oneOf(Activation.allCases.filter { $0 != .swiGLU }.map(\.rawValue))
      return (
        family.activation,
        family.activationVaries
          ? "\(title): weights do not tell the activation; '\(family.activation.rawValue)' taken, say so with activation= if it is another \(alternatives)"
          : nil
      )
    }
    // DINOv2's gates are SiLU whatever the configuration says of other MLPs.
    if isGated, family.name != "dinov3" { return (.swiGLU, nil) }
    let known: [String: Activation] = [
      "gelu": .gelu, "gelu_python": .gelu, "quick_gelu": .quickGELU, "gelu_pytorch_tanh": .tanhGELU,
      "gelu_new": .tanhGELU, "gelu_fast": .tanhGELU, "gelu_tanh": .tanhGELU,
    ]
    if isGated, ["silu", "swish"].contains(name) { return (.swiGLU, nil) }
    guard !isGated, let activation = known[name] else {
      throw WeightsError(
        source: title,
        problems: [
          "\(beside?.source ?? ""): the activation '\(shortened(name))' of \(isGated ? "gated" : "plain") MLPs is not known here"
        ])
    }
    return (activation, nil)
  }
}

extension ModelConfiguration {
  /// The configuration of another project's encoder: what its shapes tell, what lies beside it, and `options`, which go
  /// before both. There is no gap and no projector; of the rest, which only training asks for, stands what the
  /// published model has.
  ///
  /// - Returns: the rows of its position table in front of those of patches besides, and remarks on what was guessed.
  /// - Throws: `WeightsError`, `ConfigurationError`, `JSONError`.
  static func pretrained(
    _ weights: PretrainedWeights, _ sizes: PretrainedSizes, _ knowledge: PretrainedKnowledge
  ) throws -> (configuration: ModelConfiguration, leadingRows: Int, remarks: [String]) {
    let options = knowledge.options
    var found = ModelConfiguration(preset: .official)
    (found.width, found.depth, found.channels, found.patchSize) =
      (sizes.width, sizes.depth, sizes.channels, sizes.patchSize)
    found.mlpRatio = Double(sizes.hidden) / Double(sizes.width)
    (found.patchGap, found.projector) = (0, .none)
    var remarks: [String] = []
    func isGiven(_ option: String) throws -> Bool { try options.model.optionalMember(option) != nil }
    let heads = knowledge.beside?.heads ?? sizes.heads(weights.family)
    found.heads = heads ?? max(1, sizes.width / 64)
    if heads == nil, try !isGiven("heads") {
      remarks.append(
        "\(weights.title): weights do not tell the number of heads; \(found.heads) taken, say so with heads= if that is wrong"
      )
    }
    var isGridGiven = try isGiven("grid")
    if isGridGiven {
      try found.apply(JSONCursor(.object(options.grid()), source: options.model.path))
    } else if let grid = knowledge.beside?.grid, grid.allSatisfy((1...256).contains), sizes.canBe(grid: grid) {
      (found.rows, found.columns, isGridGiven) = (grid[0], grid[1], true)
    }
    let leading = try sizes.setGrid(
      &found, isGiven: isGridGiven, isRotary: weights.family.rotary != nil, title: weights.title)
    try found.apply(options.model)
    found.setVisible(maskRatio: Preset.official.maskRatio)
    remarks += try found.setPixels(knowledge, title: weights.title)
    try found.validate()
    return (found, leading, remarks)
  }

  /// Mean and std: given, from beside the weights, or the family's.
  ///
  /// - Returns: what is to be said where they are a guess.
  private mutating func setPixels(_ knowledge: PretrainedKnowledge, title: String) throws -> [String] {
    let model = knowledge.options.model
    let isMeanGiven = try model.optionalMember("mean") != nil
    let isStdGiven = try model.optionalMember("std") != nil
    let beside = knowledge.beside?.pixels.flatMap { $0.mean.count == channels ? $0 : nil }
    if let rule = beside ?? (channels == 3 ? knowledge.family.pixels ?? .imageNet : nil) {
      if !isMeanGiven { mean = rule.mean }
      if !isStdGiven { std = rule.std }
    } else {
      setNormalization(isMeanGiven: isMeanGiven, isStdGiven: isStdGiven)
    }
    guard !isMeanGiven, beside == nil, knowledge.family.pixels == nil || channels != 3 else { return [] }
    let assumed = channels == 3 ? "ImageNet's mean and std" : "mean \(mean[0]) and std \(std[0])"
    return [
      "\(title): nothing tells how pixels are normalised; \(assumed) taken, say so with mean= and std= if they are others"
        + (channels == 3 ? " (many such models were trained with 0.5 and 0.5)" : "")
    ]
  }
}

extension PretrainedSizes {
  /// The number of heads, where something tells it: relative position bias has one column each, rotary positions a
  /// period for four numbers of a head.
  func heads(_ family: EncoderFamily) -> Int? {
    if let periods, width % (4 * periods) == 0 { return width / (4 * periods) }
    return relative?.heads ?? family.heads(width, depth)
      ?? EncoderSize.all.first { $0.width == width && $0.depth == depth }?.heads
  }

  /// Whether the positions there are can be those of a grid.
  func canBe(grid: [Int]) -> Bool {
    let (rows, columns) = (grid[0], grid[1])
    if let positionRows { return leadingRows.contains { positionRows - $0 == rows * columns } }
    guard let relative else { return true }
    return relative.entries
      == RelativePositions.entries(rows: rows, columns: columns, hasClassToken: hasClassToken)
  }

  /// Sets rows and columns from the positions there are, or checks the ones given.
  ///
  /// - Returns: rows of the position table in front of those of patches.
  /// - Throws: `WeightsError` where they are not of one grid.
  func setGrid(
    _ found: inout ModelConfiguration, isGiven: Bool, isRotary: Bool, title: String
  ) throws -> Int {
    func fail(_ problem: String) -> WeightsError { WeightsError(source: title, problems: [problem]) }
    var leading = 0
    if let rows = positionRows {
      let fitting = leadingRows.filter { isGiven ? rows - $0 == found.numPatches : squareRoot(rows - $0) != nil }
      guard fitting.count == 1, let first = fitting.first else {
        let ways = leadingRows.map { "\(rows - $0)" }.joined(separator: " or ")
        let problem =
          isGiven
          ? "the grid [\(found.rows), \(found.columns)] has \(found.numPatches)"
          : "\(fitting.isEmpty ? "wanted a square grid" : "each a square grid"); say which with 'grid'"
        throw fail("pos_embed has \(rows) rows, for \(ways) patches: \(problem)")
      }
      leading = first
      if !isGiven { try setSquare(&found, cells: rows - first, fail) }
    }
    guard let relative else {
      guard positionRows != nil || isRotary else {
        throw fail(
          "pos_embed is missing, and so is relative position bias: nothing tells where patches are (rotary positions leave no trace in weights)"
        )
      }
      return leading
    }
    if positionRows == nil, !isGiven {
      let side = squareRoot(relative.entries - (hasClassToken ? RelativePositions.classEntries : 0)) ?? 0
      try setSquare(&found, cells: (side + 1) / 2 * ((side + 1) / 2), fail)
    }
    let wanted = RelativePositions.entries(rows: found.rows, columns: found.columns, hasClassToken: hasClassToken)
    guard relative.entries == wanted else {
      throw fail(
        "relative_position_bias_table has \(relative.entries) rows, a grid [\(found.rows), \(found.columns)] wants \(wanted); "
          + "say which with 'grid'")
    }
    return leading
  }

  private func setSquare(
    _ found: inout ModelConfiguration, cells: Int, _ fail: (String) -> WeightsError
  ) throws {
    guard let side = squareRoot(cells), (1...256).contains(side) else {
      throw fail("positions are for \(cells) patches, wanted a square grid of up to 256 × 256; say which with 'grid'")
    }
    (found.rows, found.columns) = (side, side)
  }
}

/// The whole root of a square that is positive; nil where it is none.
private func squareRoot(_ number: Int) -> Int? {
  guard number > 0 else { return nil }
  let root = Int(Double(number).squareRoot().rounded())
  return root * root == number ? root : nil
}
