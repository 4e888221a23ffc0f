import Compute
import Files
import Networks
import Tensors

// How an encoder of another project lies in this project's files: the network under this project's names, LayerScale
// and the positions of leading tokens taken in; its tables; and in the metadata what neither tells.

private let sharedTable = "encoder.relative_position_bias_table"
private let periodTable = "encoder.rotary_periods"
private func blockTable(_ block: Int) -> String { "encoder.blocks.\(block).attn.relative_position_bias_table" }

extension PretrainedParts {
  /// What few encoders have is there only where it is: files of others stay as they were.
  func json(_ shape: EncoderShape) -> JSONValue {
    var members: [String: JSONValue] = [
      "family": .string(family), "interpolation": .string(interpolation.rawValue),
      "class_token": .bool(shape.hasClassToken), "registers": .integer(shape.registers),
      "epsilon": JSONValue(shape.epsilon), "activation": .string(shape.activation.rawValue),
      "pre_norm": .bool(shape.hasPreNorm), "final_norm": .string(shape.finalNorm.rawValue),
      "positions": .bool(positions != nil), "bias_tables": .integer(relative?.tables.count ?? 0),
      "bias_interpolation": .string((relative?.interpolation ?? .geometric).rawValue),
      "rotary": .bool(rotary != nil),
    ]
    if shape.hasAttentionNorm { members["attention_norm"] = true }
    if shape.hasMLPNorm { members["mlp_norm"] = true }
    if let grid = rotary?.reference { members["rotary_reference"] = .array(grid.map { .integer($0) }) }
    return .object(members)
  }

  fileprivate func tables() throws -> [(name: String, tensor: Tensor)] {
    let stored = positions.map { [(positionTableName("encoder"), $0)] } ?? []
    let periods = try rotary.map {
      [(periodTable, try Tensor(shape: [$0.periods.count], values: $0.periods))]
    }
    let bias = relative?.tables ?? []
    return stored + (periods ?? [])
      + bias.enumerated().map { (bias.count == 1 ? sharedTable : blockTable($0.offset), $0.element) }
  }
}

extension Encoder {
  /// Its tensors as `save` stores them: what adapters add to weights is taken in, tables of positions are among them.
  ///
  /// - Throws: `ShapeError`, `OutOfMemory`.
  public func storedTensors() throws -> [(name: String, tensor: Tensor)] {
    let tables = try pretrained?.tables() ?? configuration.positionTables(of: ["encoder"])
    return try network.mergedParameters(prefix: "encoder") + tables
  }

  /// What its network is: what neither configuration nor weights tell, and the names and shapes of `storedTensors`.
  ///
  /// - Throws: as `storedTensors`.
  public func description() throws -> JSONValue {
    let own = PretrainedParts(
      family: family, interpolation: .antialiased, positions: nil, relative: nil, rotary: nil)
    guard case .object(var parts) = (pretrained ?? own).json(network.shape) else { return [:] }
    parts["tensors"] = .array(
      try storedTensors().map { .array([.string($0.name), .array($0.tensor.shape.map { .integer($0) })]) })
    return .object(parts)
  }
}

extension WeightReader {
  /// The encoder in a file that `Encoder.save` wrote for one of another project.
  ///
  /// - Throws: `JSONError`, `CheckpointError`, `WeightsError`, `OutOfMemory`.
  func storedPretrainedEncoder(_ configuration: ModelConfiguration, _ text: String) throws -> Encoder {
    let source = "\(title), metadata '\(FileKey.pretrained)'"
    let json = JSONCursor(try JSONValue(parsing: text, source: source), source: source)
    try json.refuseKeys(
      otherThan: [
        "family", "interpolation", "class_token", "registers", "epsilon", "activation", "pre_norm", "final_norm",
        "positions", "bias_tables", "bias_interpolation", "rotary", "attention_norm", "mlp_norm", "rotary_reference",
      ])
    try checkSize(configuration)
    var shape = configuration.encoderShape(projects: false)
    shape.hasClassToken = try json.member("class_token").bool()
    (shape.registers, shape.epsilon) = (try json.member("registers").int(), try json.member("epsilon").float())
    shape.activation = try json.choice("activation")
    (shape.hasPreNorm, shape.finalNorm) = (try json.member("pre_norm").bool(), try json.choice("final_norm"))
    shape.hasAttentionNorm = try json.optionalMember("attention_norm")?.bool() ?? false
    shape.hasMLPNorm = try json.optionalMember("mlp_norm")?.bool() ?? false
    let reference = try json.optionalMember("rotary_reference")?.elements().map { try $0.int() }
    guard reference.map({ $0.count == 2 && $0.allSatisfy((1...4096).contains) }) ?? true else {
      throw CheckpointError(path: source, problem: "rotary_reference is no grid of 1 … 4096 rows and columns")
    }
    let tableCount = try json.member("bias_tables").int()
    guard (0...4096).contains(shape.registers), [0, 1, configuration.depth].contains(tableCount) else {
      throw CheckpointError(
        path: source,
        problem: "has \(shape.registers) registers and \(tableCount) bias tables of \(configuration.depth) blocks")
    }
    guard shape.epsilon > 0 else {
      throw CheckpointError(path: source, problem: "epsilon is \(shape.epsilon), wanted > 0")
    }
    let network = try VisionTransformer(shape)
    func table(_ name: String, _ shape: [Int]) throws -> TensorSlot {
      TensorSlot(name: name, shape: shape, buffer: try Buffer(count: shape.reduce(1, *), repeating: 0))
    }
    let positions =
      try json.member("positions").bool()
      ? try table(positionTableName("encoder"), [configuration.numPatches, configuration.width]) : nil
    let entries = RelativePositions.entries(
      rows: configuration.rows, columns: configuration.columns, hasClassToken: shape.hasClassToken)
    let tables = try (0..<tableCount).map {
      try table(tableCount == 1 ? sharedTable : blockTable($0), [entries, configuration.heads])
    }
    let headWidth = configuration.width / configuration.heads
    let periods =
      try json.member("rotary").bool() && headWidth >= 4 ? try table(periodTable, [headWidth / 4]) : nil
    try fill(
      network.namedParameters(prefix: "encoder").map(\.place) + [positions, periods].compactMap { $0 } + tables
    ) { _ in false }
    let relative = RelativePositions(
      tables: try tables.map { try Tensor(shape: $0.shape, buffer: $0.buffer) }, rows: configuration.rows,
      columns: configuration.columns, heads: configuration.heads, hasClassToken: shape.hasClassToken,
      interpolation: try json.choice("bias_interpolation"))
    let parts = PretrainedParts(
      family: try json.member("family").string(), interpolation: try json.choice("interpolation"),
      positions: try positions.map { try Tensor(shape: $0.shape, buffer: $0.buffer) },
      relative: tables.isEmpty ? nil : relative,
      rotary: periods.map { RotaryPositions(periods: Array($0.buffer.values), reference: reference) })
    return Encoder(configuration, network, pretrained: parts)
  }
}

extension JSONCursor {
  /// One of the names of a choice.
  ///
  /// - Throws: `JSONError`, `ConfigurationError`.
  fileprivate func choice<Choice: RawRepresentable<String> & CaseIterable>(_ key: String) throws -> Choice {
    try Choice(named: member(key).string(), option: key)
  }
}
