import Networks

/// What the shapes of another project's encoder tell.
struct PretrainedSizes {
  var width = 0
  var channels = 0
  var patchSize = 0
  var depth = 0
  var hidden = 0
  var isGated = false
  var hasAttentionNorm = false
  var hasMLPNorm = false
  var hasClassToken = false
  var hasPreNorm = false
  var finalNorm = FinalNorm.tokens
  var registers = 0
  /// Rows of the position table; nil: there is none.
  var positionRows: Int?
  /// Entries and heads of relative position bias; nil: there is none.
  var relative: (entries: Int, heads: Int)?
  /// Periods of rotary positions; nil: the weights hold none.
  var periods: Int?

  /// - Throws: `WeightsError` where a tensor that sizes are read from is missing or has the wrong number of dimensions.
  init(_ weights: PretrainedWeights) throws {
    func shape(_ tensor: String, block: Int? = nil, dimensions: ClosedRange<Int>) throws -> [Int]? {
      guard let name = weights.name(of: tensor, block: block), let shape = try weights.shape(of: name) else {
        return nil
      }
      guard dimensions.contains(shape.count), shape.allSatisfy({ $0 > 0 }) else {
        throw WeightsError(
          source: weights.title,
          problems: ["\(weights.prefix)\(name) has shape \(shape), wanted \(dimensions.upperBound) positive sizes"])
      }
      return shape
    }
    func wanted(_ tensor: String, block: Int? = nil, _ dimensions: Int) throws -> [Int] {
      if let shape = try shape(tensor, block: block, dimensions: dimensions...dimensions) { return shape }
      throw WeightsError(
        source: weights.title, problems: ["\(weights.prefix)\(weights.wantedName(of: tensor, block: block)) is missing"]
      )
    }
    let patches = try wanted("embed.proj.weight", 4)
    (width, channels, patchSize, depth) = (patches[0], patches[1], patches[2], weights.depth)
    guard patches[2] == patches[3] else {
      throw WeightsError(
        source: weights.title, problems: ["patches are \(patches[2]) × \(patches[3]) pixels, wanted square ones"])
    }
    hidden = try wanted("blocks.*.mlp.fc2.weight", block: 0, 2)[1]
    isGated = try weights.rows(of: "blocks.*.mlp.fc1.weight", block: 0) == 2 * hidden
    hasClassToken = weights.name(of: "cls_token") != nil
    registers = try shape("register_tokens", dimensions: 3...3)?[1] ?? 0
    positionRows = try shape("pos_embed", dimensions: 2...3).map { $0[$0.count - 2] }
    periods = try shape("rotary_periods", dimensions: 1...1)?[0]
    try readNorms(weights)
    // A table that one block lacks is missing there, not absent.
    let tables = try (0..<max(depth, 1)).compactMap {
      try shape("blocks.*.attn.relative_position_bias_table", block: $0, dimensions: 2...2)
    }
    let table = try shape("relative_position_bias_table", dimensions: 2...2) ?? tables.first
    relative = table.map { ($0[0], $0[1]) }
    if relative != nil, registers > 0 {
      throw WeightsError(
        source: weights.title, problems: ["there are register tokens and relative position bias, wanted one of them"])
    }
  }

  private mutating func readNorms(_ weights: PretrainedWeights) throws {
    func isThere(_ norm: String, block: Int? = nil) -> Bool {
      ["weight", "bias"].contains { weights.name(of: "\(norm).\($0)", block: block) != nil }
    }
    hasPreNorm = isThere("norm_pre")
    hasAttentionNorm = isThere("blocks.*.attn.norm", block: 0)
    hasMLPNorm = isThere("blocks.*.mlp.norm", block: 0)
    if let found = weights.name(of: "norm.weight") {
      finalNorm = ["fc_norm.", "pooler."].contains(where: found.hasPrefix) ? .pooled : .tokens
    } else if weights.family.mayLackFinalNorm {
      finalNorm = .none
    }
  }

  var leadingTokens: Int { (hasClassToken ? 1 : 0) + registers }

  /// How many rows of the position table may stand before those of the patches: none, the class token's, or all leading
  /// tokens'.
  var leadingRows: [Int] { Array(Set([0, hasClassToken ? 1 : 0, leadingTokens])).sorted() }

  /// The shape of the network.
  func shape(_ configuration: ModelConfiguration, epsilon: Double, activation: Activation) -> EncoderShape {
    var shape = configuration.encoderShape(projects: false)
    (shape.hasClassToken, shape.registers, shape.epsilon) = (hasClassToken, registers, Float(epsilon))
    (shape.hasPreNorm, shape.finalNorm) = (hasPreNorm, finalNorm)
    (shape.hasAttentionNorm, shape.hasMLPNorm) = (hasAttentionNorm, hasMLPNorm)
    shape.activation = isGated ? .swiGLU : activation
    return shape
  }
}
