import Compute

/// The tensors of an encoder somewhere in a source, under its family's names.
struct PretrainedWeights {
  let reader: WeightReader
  let family: EncoderFamily
  /// What stands before the encoder's names in the source.
  let prefix: String
  /// Where further encoders lie, which were not asked for.
  var others: [String] = []
  /// Behind which name in the source lies which of the family.
  private let originals: [String: String]

  var names: Set<String> { Set(originals.keys) }
  var title: String { reader.title }

  init(_ reader: WeightReader, _ family: EncoderFamily, prefix: String) {
    (self.reader, self.family, self.prefix) = (reader, family, prefix)
    originals = Dictionary(
      reader.names.filter { $0.hasPrefix(prefix) }.map { (withoutChunk(String($0.dropFirst(prefix.count))), $0) },
      uniquingKeysWith: { first, _ in first })
  }

  func contains(_ name: String) -> Bool { originals[name] != nil }

  func shape(of name: String) throws -> [Int]? { try originals[name].flatMap { try reader.shape(of: $0) } }

  func values(_ name: String) throws -> [Float]? { try originals[name].flatMap { try reader.values($0) } }

  func unreadableType(of name: String) throws -> String? {
    try originals[name].flatMap { try reader.unreadableType(of: $0) }
  }

  /// What is to be said where there are further encoders.
  var remarkOnOthers: String? {
    others.isEmpty
      ? nil
      : "\(title): the encoder behind '\(prefix)' is taken; prefix= takes one behind \(listed(others.map { "'\($0)'" }))"
  }

  /// Consecutive blocks, from number 0.
  var depth: Int {
    let beginnings = Set(family.tensors.flatMap { $0.sources.joined() }.compactMap { $0.name.flatMap(beforeBlock) })
    let numbers = Set(
      names.flatMap { name in
        beginnings.filter(name.hasPrefix).compactMap { Int(name.dropFirst($0.count).prefix { $0 != "." }) }
      })
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

  /// How many rows the parts of a tensor have together; 0 where it is not there.
  func rows(of tensor: String, block: Int) throws -> Int {
    let sources = (rule(tensor)?.sources ?? []).map { $0.compactMap(\.name).map { numbered($0, block) } }
    let there = sources.first { $0.contains(where: contains) } ?? []
    return try there.reduce(0) { try $0 + (shape(of: $1)?.first ?? 0) }
  }

  /// What a tensor that is missing would be called, in the way that the names around it are formed.
  func wantedName(of tensor: String, block: Int? = nil) -> String {
    let sources = rule(tensor)?.sources ?? []
    let alike = sources.first { parts in
      parts.compactMap(\.name).contains { part in beforeBlock(part).map { names.contains(where: $0.isBeginning(of:)) } ?? false }
    }
    let parts = (alike ?? sources.first)?.compactMap(\.name) ?? []
    return parts.isEmpty ? numbered(tensor, block) : parts.map { numbered($0, block) }.joined(separator: ", ")
  }
}

/// What stands before the number of the block in a rule's name; nil where it has none.
private func beforeBlock(_ name: String) -> String? { name.firstIndex(of: "*").map { String(name[..<$0]) } }

extension String {
  /// Whether a name begins with it.
  fileprivate func isBeginning(of name: String) -> Bool { name.hasPrefix(self) }
}
