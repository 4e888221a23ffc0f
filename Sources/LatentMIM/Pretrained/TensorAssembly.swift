/// Puts the tensors of a network together from those of a checkpoint, and collects what does not fit.
final class TensorAssembly {
  let weights: PretrainedWeights
  let depth: Int
  private(set) var problems: [String] = []
  private(set) var used: Set<String> = []

  init(_ weights: PretrainedWeights) {
    self.weights = weights
    depth = weights.depth
  }

  /// The values of one of the network's tensors.
  ///
  /// - Parameters:
  ///   - name: in the network, `*` for the number of a block.
  ///   - shape: wanted there.
  ///   - patch: channels and side of a patch, for what was a convolution.
  /// - Returns: nil where it is missing, or does not fit: the problem is noted then.
  func values(_ name: String, block: Int? = nil, shape: [Int], patch: (channels: Int, side: Int)) throws -> [Float]? {
    guard let rule = weights.rule(name) else {
      problems.append("\(numbered(name, block)) is wanted, and the family '\(weights.family.name)' has no such tensor")
      return nil
    }
    guard let found = parts(rule, block: block, shape: shape) else { return nil }
    let parts = found.filter { part in if case .ifThere = part { isThere(part, block) } else { true } }
    let rows = (shape.first ?? 1) / max(parts.count, 1)
    var values: [Float] = []
    for part in parts {
      let partShape = [rows] + shape.dropFirst()
      let mayBeZeros = if case .tensor = part { false } else { true }
      guard let pattern = part.name, !mayBeZeros || isThere(part, block) else {
        values += [Float](repeating: 0, count: partShape.reduce(1, *))
        continue
      }
      let stored = rule.form == .convolution ? [rows, patch.channels, patch.side, patch.side] : partShape
      guard let found = try read(numbered(pattern, block), shape: stored) else { return nil }
      values +=
        rule.form == .convolution
        ? flattened(found, rows: rows, channels: patch.channels, pixels: patch.side * patch.side) : found
    }
    guard let factors = try scale(rule, block: block, rows: shape.first ?? 1) else { return nil }
    scaleRows(&values, by: factors)
    return values
  }

  /// The parts a tensor is made of.
  private func parts(_ rule: TensorRule, block: Int?, shape: [Int]) -> [TensorRule.Part]? {
    let there = rule.sources.filter { $0.contains { isThere($0, block) } }
    guard there.count <= 1 else {
      let names = there.flatMap { $0.compactMap { name($0, block) } }.filter(weights.contains)
      problems.append("\(names.joined(separator: " and ")) are both there: names of two families are mixed")
      used.formUnion(names)
      return nil
    }
    if let parts = there.first { return parts }
    let isElsewhere =
      block != nil && (0..<depth).contains { other in rule.sources.joined().contains { isThere($0, other) } }
    if !rule.isOptional || isElsewhere {
      let wanted = weights.wantedName(of: rule.name, block: block)
      problems.append("\(weights.prefix)\(wanted) is missing (wanted \(shape))")
    }
    return nil
  }

  private func name(_ part: TensorRule.Part, _ block: Int?) -> String? { part.name.map { numbered($0, block) } }

  private func isThere(_ part: TensorRule.Part, _ block: Int?) -> Bool {
    name(part, block).map(weights.contains) ?? false
  }

  /// Reads a tensor of a shape; dimensions of 1 do not count.
  private func read(_ name: String, shape: [Int]) throws -> [Float]? {
    used.insert(name)
    guard let found = try weights.shape(of: name) else {
      problems.append("\(weights.prefix)\(name) is missing (wanted \(shape))")
      return nil
    }
    if let type = try weights.unreadableType(of: name) {
      problems.append("\(weights.prefix)\(name) is stored as \(type), wanted floating numbers")
      return nil
    }
    guard found.filter({ $0 != 1 }) == shape.filter({ $0 != 1 }) else {
      problems.append("\(weights.prefix)\(name) has shape \(found), wanted \(shape)")
      return nil
    }
    return try weights.values(name)
  }

  /// The factors of a tensor's rows: empty where it has none, nil where they do not fit.
  private func scale(_ rule: TensorRule, block: Int?, rows: Int) throws -> [Float]? {
    let there = rule.scales.filter { weights.contains(numbered($0, block)) }
    guard there.count <= 1 else {
      let names = there.map { numbered($0, block) }
      problems.append("\(names.joined(separator: " and ")) are both there: names of two families are mixed")
      used.formUnion(names)
      return nil
    }
    if let name = there.first { return try read(numbered(name, block), shape: [rows]) }
    let elsewhere = rule.scales.first { scale in (0..<depth).contains { weights.contains(numbered(scale, $0)) } }
    guard let elsewhere else { return [] }
    problems.append("\(weights.prefix)\(numbered(elsewhere, block)) is missing (wanted [\(rows)])")
    return nil
  }
}

private func scaleRows(_ values: inout [Float], by factors: [Float]) {
  guard !factors.isEmpty else { return }
  let width = values.count / factors.count
  for (row, factor) in factors.enumerated() {
    for index in row * width..<(row + 1) * width { values[index] *= factor }
  }
}
