/// The tensors of an encoder somewhere in a source, under its family's names.
struct ForeignWeights {
  let reader: WeightReader
  let family: EncoderFamily
  /// What stands before the encoder's names in the source.
  let prefix: String
  /// Behind which name in the source lies which of the family.
  private let originals: [String: String]

  var names: Set<String> { Set(originals.keys) }
  var title: String { reader.title }

  /// Finds the encoder in a source.
  ///
  /// - Returns: nil where the names are this project's.
  /// - Throws: `WeightsError` where there is none, or none of the family asked for, `ConfigurationError` for an unknown
  ///   family.
  static func find(in reader: WeightReader, family name: String?, prefix: String?) throws -> ForeignWeights? {
    let isOwn = reader.names.contains { $0.hasPrefix("encoder.embed.") || isPositionTable($0) }
    if name == ForeignOptions.own || (name == nil && isOwn) { return nil }
    let families = EncoderFamily.all.filter { name == nil || $0.name == name }
    guard !families.isEmpty else {
      let known = ([ForeignOptions.own] + EncoderFamily.all.map(\.name)).map { "'\($0)'" }.joined(separator: ", ")
      throw ConfigurationError("family", "is '\(name ?? "")', wanted one of \(known)")
    }
    for family in families {
      for prefix in prefix.map({ [$0] }) ?? family.prefixes {
        let found = ForeignWeights(reader, family, prefix: prefix)
        if found.isEncoder, name != nil || family.isRecognized(found.names, prefix) { return found }
      }
    }
    let looked = Set(prefix.map { [$0] } ?? families.flatMap(\.prefixes)).sorted().map { "'\($0)'" }
    throw WeightsError(
      source: reader.title,
      problems: [
        "patch_embed.proj.weight, blocks.0.norm1.weight … are missing: no encoder was found behind \(looked.joined(separator: ", "))"
          + (name.map { " of the family '\($0)'" } ?? "; say with 'prefix' where it lies")
      ])
  }

  private init(_ reader: WeightReader, _ family: EncoderFamily, prefix: String) {
    // The reader has dropped a `module.` in front.
    let prefix = prefix.hasPrefix("module.") ? String(prefix.dropFirst("module.".count)) : prefix
    (self.reader, self.family, self.prefix) = (reader, family, prefix)
    originals = Dictionary(
      reader.names.filter { $0.hasPrefix(prefix) }.map { (withoutChunk(String($0.dropFirst(prefix.count))), $0) },
      uniquingKeysWith: { first, _ in first })
  }

  /// Whether there is something of an encoder: patches or a first block.
  private var isEncoder: Bool {
    family.tensors.contains { rule in
      ["embed.proj.weight", "blocks.*.norm1.weight"].contains(rule.name)
        && rule.sources.joined().contains { part in
          guard case .tensor(let name) = part else { return false }
          return contains(numbered(name, 0))
        }
    }
  }

  func contains(_ name: String) -> Bool { originals[name] != nil }

  func shape(of name: String) throws -> [Int]? { try originals[name].flatMap { try reader.shape(of: $0) } }

  func values(_ name: String) throws -> [Float]? { try originals[name].flatMap { try reader.values($0) } }

  func unreadableType(of name: String) throws -> String? {
    try originals[name].flatMap { try reader.unreadableType(of: $0) }
  }

  /// Consecutive blocks, from number 0.
  var depth: Int {
    let numbers = Set(names.compactMap(blockNumber))
    return (0...numbers.count).first { !numbers.contains($0) } ?? 0
  }

  /// The rule for one of the network's tensors; `*` for the block's number.
  func rule(_ name: String) -> TensorRule? { family.tensors.first { $0.name == name } }

  /// The name in the checkpoint of a tensor that is not put together of several; nil where it is not there.
  func name(of tensor: String, block: Int? = nil) -> String? {
    rule(tensor)?.sources.compactMap { parts -> String? in
      guard parts.count == 1, case .tensor(let name) = parts[0] else { return nil }
      return numbered(name, block)
    }.first(where: contains)
  }
}

/// A rule's name with the number of the block.
func numbered(_ name: String, _ block: Int?) -> String {
  block.map { block in name.split(separator: "*", omittingEmptySubsequences: false).joined(separator: "\(block)") }
    ?? name
}

/// The number of the block a name belongs to: 3 of "blocks.3.norm1.weight", "encoder.layer.3.…".
func blockNumber(_ name: String) -> Int? {
  let parts = name.split(separator: ".")
  guard let place = parts.firstIndex(where: { ["blocks", "layer", "layers"].contains($0) }), place + 1 < parts.count
  else { return nil }
  return Int(parts[place + 1])
}

/// DINOv2 trains blocks in chunks: "blocks.1.7.norm1.weight" is block 7.
private func withoutChunk(_ name: String) -> String {
  let parts = name.split(separator: ".", omittingEmptySubsequences: false)
  guard parts.count > 3, parts[0] == "blocks", Int(parts[1]) != nil, Int(parts[2]) != nil else { return name }
  return (["blocks"] + parts.dropFirst(2)).joined(separator: ".")
}
