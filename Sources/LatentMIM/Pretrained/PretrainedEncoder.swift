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
    _ weights: PretrainedWeights, _ options: PretrainedOptions
  ) throws -> (encoder: Encoder, remarks: [String]) {
    try weights.refuseOtherArchitectures()
    let sizes = try PretrainedSizes(weights)
    var (configuration, leadingRows, remarks) = try ModelConfiguration.pretrained(weights, sizes, options)
    try weights.checkSize(configuration)
    let network = try VisionTransformer(sizes.shape(configuration, epsilon: options.epsilon))
    let assembly = TensorAssembly(weights)
    let patch = (channels: configuration.channels, side: configuration.patchSize)
    for named in network.namedParameters() {
      let (name, block) = starred(named.name)
      guard let values = try assembly.values(name, block: block, shape: named.parameter.shape, patch: patch) else {
        continue
      }
      named.parameter.tensor.pointer.update(from: values, count: values.count)
    }
    let table = try assembly.positionTable(sizes, configuration, patch)
    let parts = PretrainedParts(
      family: weights.family.name, antialias: options.antialias,
      positions: try table.map { try $0.patches(behind: leadingRows) },
      relative: try assembly.relativePositions(sizes, configuration, patch))
    let rest = weights.leftOver(assembly.used)
    let problems = assembly.problems + rest.problems
    guard problems.isEmpty else { throw WeightsError(source: weights.title, problems: problems) }
    if let table { network.addPositions(ofLeadingTokens: table.values.prefix(leadingRows * table.width)) }
    remarks += [weights.remarkOnOthers, rest.remark, weights.remarkOnNorm()].compactMap { $0 }
    return (Encoder(configuration, network, pretrained: parts), remarks)
  }
}

/// A position table as it is stored: [rows, C].
private struct StoredPositions {
  let values: [Float]
  let width: Int

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
      hasClassToken: sizes.hasClassToken)
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

  /// A norm of pooled features in the place of one over tokens.
  fileprivate func remarkOnNorm() -> String? {
    guard let name = name(of: "norm.weight"), name.hasPrefix("fc_norm.") else { return nil }
    return "\(title): \(prefix)\(name) is over pooled tokens there; here it is the final norm of each token"
  }
}
