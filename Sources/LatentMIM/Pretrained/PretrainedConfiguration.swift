import Files

extension ModelConfiguration {
  /// The configuration of another project's encoder: what its shapes tell, and `options`, which go before. There is no
  /// gap and no projector; of the rest, which only training asks for, stands what the published model has.
  ///
  /// - Returns: the rows of its position table in front of those of patches besides, and remarks on what was guessed.
  /// - Throws: `WeightsError`, `ConfigurationError`, `JSONError`.
  static func pretrained(
    _ weights: PretrainedWeights, _ sizes: PretrainedSizes, _ options: PretrainedOptions
  ) throws -> (configuration: ModelConfiguration, leadingRows: Int, remarks: [String]) {
    var found = ModelConfiguration(preset: .official)
    (found.width, found.depth, found.channels, found.patchSize) =
      (sizes.width, sizes.depth, sizes.channels, sizes.patchSize)
    found.mlpRatio = Double(sizes.hidden) / Double(sizes.width)
    (found.patchGap, found.projector) = (0, .none)
    var remarks: [String] = []
    let isHeadsGiven = try options.model.optionalMember("heads") != nil
    let heads = sizes.heads(weights.family)
    found.heads = heads ?? max(1, sizes.width / 64)
    if heads == nil, !isHeadsGiven {
      remarks.append(
        "\(weights.title): weights do not tell the number of heads; \(found.heads) taken, say so with heads= if that is wrong"
      )
    }
    let isGridGiven = try options.model.optionalMember("grid") != nil
    if isGridGiven { try found.apply(JSONCursor(.object(options.grid()), source: options.model.path)) }
    let leading = try sizes.setGrid(&found, isGiven: isGridGiven, title: weights.title)
    try found.apply(options.model)
    found.setVisible(maskRatio: Preset.official.maskRatio)
    let isMeanGiven = try options.model.optionalMember("mean") != nil
    found.setNormalization(isMeanGiven: isMeanGiven, isStdGiven: try options.model.optionalMember("std") != nil)
    if !isMeanGiven, let remark = weights.family.pixelRemark { remarks.append("\(weights.title): \(remark)") }
    try found.validate()
    return (found, leading, remarks)
  }
}

extension PretrainedSizes {
  /// The number of heads, where something tells it: relative position bias has one column each.
  func heads(_ family: EncoderFamily) -> Int? {
    relative?.heads ?? family.heads(width, depth)
      ?? EncoderSize.all.first { $0.width == width && $0.depth == depth }?.heads
  }

  /// Sets rows and columns from the positions there are, or checks the ones given.
  ///
  /// - Returns: rows of the position table in front of those of patches.
  /// - Throws: `WeightsError` where they are not of one grid.
  func setGrid(_ found: inout ModelConfiguration, isGiven: Bool, title: String) throws -> Int {
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
      guard positionRows != nil else {
        throw fail("pos_embed is missing, and so is relative position bias: nothing tells where patches are")
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
