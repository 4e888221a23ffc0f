import Compute
import Files
import Networks
import Tensors

extension Encoder {
  /// An encoder from the weights of another project.
  ///
  /// LayerScale is multiplied into the weights it stands behind, the position of leading tokens added to them.
  ///
  /// - Returns: the encoder, and remarks on what was guessed or left out.
  /// - Throws: `WeightsError` naming every tensor that is missing, misshapen or not understood, `ConfigurationError`,
  ///   `JSONError`, `OutOfMemory`.
  static func load(
    _ weights: PretrainedWeights, _ options: PretrainedOptions, _ beside: ConfigurationBeside? = nil
  ) throws -> (encoder: Encoder, remarks: [String]) {
    try weights.refuseQuantized()
    try weights.refuseOtherArchitectures()
    let sizes = try PretrainedSizes(weights)
    try weights.refuseLookalikes(sizes, beside)
    let knowledge = PretrainedKnowledge(weights, sizes, options, beside)
    var (configuration, leadingRows, remarks) = try ModelConfiguration.pretrained(weights, sizes, knowledge)
    try weights.checkSize(configuration)
    let activation = try knowledge.activation(weights.title, isGated: sizes.isGated)
    let network = try VisionTransformer(
      sizes.shape(configuration, epsilon: knowledge.epsilon, activation: activation.activation))
    let assembly = TensorAssembly(weights)
    let patch = (channels: configuration.channels, side: configuration.patchSize)
    for named in network.namedParameters() {
      let (name, block) = starred(named.name)
      guard var values = try assembly.values(name, block: block, shape: named.parameter.shape, patch: patch) else {
        continue
      }
      if weights.family.rotary?.isInterleaved == true, name.hasPrefix("blocks.*.attn.qkv.") {
        values = pairedByHalves(values, width: configuration.width, heads: configuration.heads)
      }
      named.parameter.tensor.pointer.update(from: values, count: values.count)
    }
    let table = try assembly.positionTable(sizes, configuration, patch)
    let parts = PretrainedParts(
      family: weights.family.name, interpolation: knowledge.interpolation(sizes),
      positions: try table.map { try $0.patches(behind: leadingRows) },
      relative: try assembly.relativePositions(sizes, configuration, patch),
      rotary: try assembly.rotaryPositions(sizes, configuration, knowledge))
    let rest = weights.leftOver(assembly.used)
    let problems = assembly.problems + rest.problems
    guard problems.isEmpty else { throw WeightsError(source: weights.title, problems: problems) }
    if let table { network.addPositions(ofLeadingTokens: table.values.prefix(leadingRows * table.width)) }
    remarks += beside?.remarks ?? []
    remarks += [
      activation.remark, weights.remarkOnOthers, rest.remark,
      weights.remark(onPositions: table?.patchValues(leadingRows)),
      weights.remark(onBeside: beside, width: configuration.width),
    ].compactMap { $0 }
    return (Encoder(configuration, network, pretrained: parts), remarks)
  }
}

/// A position table as it is stored: [rows, C].
private struct StoredPositions {
  let values: [Float]
  let width: Int

  func patchValues(_ leading: Int) -> ArraySlice<Float> { values[(leading * width)...] }

  func patches(behind leading: Int) throws -> Tensor {
    try Tensor(shape: [values.count / width - leading, width], values: values[(leading * width)...])
  }
}

extension TensorAssembly {
  fileprivate func positionTable(
    _ sizes: PretrainedSizes, _ configuration: ModelConfiguration, _ patch: (channels: Int, side: Int)
  ) throws -> StoredPositions? {
    guard let rows = sizes.positionRows else { return nil }
    return try values("pos_embed", shape: [rows, configuration.width], patch: patch).map {
      StoredPositions(values: $0, width: configuration.width)
    }
  }

  fileprivate func relativePositions(
    _ sizes: PretrainedSizes, _ configuration: ModelConfiguration, _ patch: (channels: Int, side: Int)
  ) throws -> RelativePositions? {
    guard let relative = sizes.relative else { return nil }
    let shape = [relative.entries, configuration.heads]
    let (shared, own) = ("relative_position_bias_table", "blocks.*.attn.relative_position_bias_table")
    let isShared = weights.name(of: shared) != nil
    let tables = try (isShared ? [nil] : (0..<configuration.depth).map { $0 }).compactMap { block in
      try values(block == nil ? shared : own, block: block, shape: shape, patch: patch).map {
        try Tensor(shape: shape, values: $0)
      }
    }
    return RelativePositions(
      tables: tables, rows: configuration.rows, columns: configuration.columns, heads: configuration.heads,
      hasClassToken: sizes.hasClassToken, interpolation: weights.family.bias)
  }

  /// - Throws: `WeightsError` where heads are of no width that rotary positions go with.
  fileprivate func rotaryPositions(
    _ sizes: PretrainedSizes, _ configuration: ModelConfiguration, _ knowledge: PretrainedKnowledge
  ) throws -> RotaryPositions? {
    guard var rule = weights.family.rotary else { return nil }
    let headWidth = configuration.width / configuration.heads
    guard headWidth % 4 == 0 else {
      throw WeightsError(
        source: weights.title,
        problems: ["\(configuration.heads) heads are \(headWidth) wide, rotary positions want a multiple of 4"])
    }
    if sizes.periods != nil,
      let stored = try values("rotary_periods", shape: [headWidth / 4], patch: (1, 1))
    {
      return RotaryPositions(periods: stored, reference: nil)
    }
    if let theta = knowledge.beside?.theta { rule.theta = theta }
    if let grid = knowledge.beside?.reference, rule.reference != nil { rule.reference = grid }
    let found = RotaryPositions(periods: rule.periods(headWidth: headWidth), reference: rule.reference)
    try check(found, configuration)
    return found
  }
}

extension PretrainedWeights {
  /// Refuses sizes that the file is much too small for, before any memory is taken for them. A tensor or two may be
  /// missing: they are to be named.
  fileprivate func checkSize(_ configuration: ModelConfiguration) throws {
    let (found, wanted) = (try reader.valueCount(), configuration.leastParameterCount)
    guard found >= wanted / 2 else {
      throw WeightsError(
        source: title, problems: ["\(found) values in all, an encoder of these sizes alone wants at least \(wanted)"])
    }
  }

  /// Tables of zeros are what transformers writes of a model that was never trained or loaded.
  fileprivate func remark(onPositions values: ArraySlice<Float>?) -> String? {
    guard let values, let first = values.first, values.count > 1, values.allSatisfy({ $0 == first }) else { return nil }
    return "\(title): the positions of all patches are equal: the model was saved before it had any"
  }

  /// That a configuration beside the weights is of another model.
  fileprivate func remark(onBeside beside: ConfigurationBeside?, width: Int) -> String? {
    guard let beside, !beside.fits(width: width) else { return nil }
    return
      "\(title): \(beside.source) is not used: it is of a model \(beside.width ?? 0) wide, these weights are \(width) wide"
  }
}
