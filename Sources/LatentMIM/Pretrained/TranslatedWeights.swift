/// A whole model of another project, encoder and decoder, under this project's names.
struct TranslatedWeights: TensorSource {
  let weights: PretrainedWeights
  /// The name there and the form of what a rule makes, by the name here.
  private let translations: [String: (original: String, form: TensorRule.Form)]

  /// The weights of a family whose checkpoints hold whole models; nil where a source has none.
  init?(_ reader: WeightReader) {
    guard let weights = PretrainedWeights.wholeModel(in: reader) else { return nil }
    self.weights = weights
    let own =
      weights.family.tensors.map { ($0.name == "pos_embed" ? positionTableName("encoder") : "encoder." + $0.name, $0) }
      + weights.family.decoder.map { ($0.name, $0) }
    let rules = Dictionary(
      own.flatMap { name, rule in
        rule.sources.compactMap { parts -> (String, (name: String, form: TensorRule.Form))? in
          guard parts.count == 1, case .tensor(let original) = parts[0] else { return nil }
          return (original, (name, rule.form))
        }
      }, uniquingKeysWith: { first, _ in first })
    translations = Dictionary(
      weights.names.map { original in
        let (pattern, number) = starred(original)
        guard let rule = rules[pattern] else { return (original, (original, .same)) }
        return (numbered(rule.name, number), (original, rule.form))
      }, uniquingKeysWith: { first, _ in first })
  }

  var names: [String] { translations.keys.sorted() }

  func shape(of name: String) throws -> [Int] {
    let (original, form) = translation(name)
    let shape = try weights.shape(of: original) ?? []
    return switch form {
    case .convolution where shape.count == 4: [shape[0], shape[1] * shape[2] * shape[3]]
    case .table where shape.count == 3 && shape[0] == 1: Array(shape.dropFirst())
    default: shape
    }
  }

  func unreadableType(of name: String) throws -> String? { try weights.unreadableType(of: translation(name).original) }

  func read(_ name: String, into buffer: UnsafeMutableBufferPointer<Float>) throws {
    let (original, form) = translation(name)
    let (values, shape) = (try weights.values(original) ?? [], try weights.shape(of: original) ?? [])
    let isConvolution = form == .convolution && shape.count == 4
    _ = buffer.update(
      fromContentsOf: isConvolution
        ? flattened(values, rows: shape[0], channels: shape[1], pixels: shape[2] * shape[3]) : values)
  }

  private func translation(_ name: String) -> (original: String, form: TensorRule.Form) {
    translations[name] ?? (name, .same)
  }
}

/// The values of a convolution [rows, channels, pixels] as [rows, pixels · channels].
func flattened(_ values: [Float], rows: Int, channels: Int, pixels: Int) -> [Float] {
  var result = [Float](repeating: 0, count: values.count)
  for row in 0..<rows {
    let start = row * pixels * channels
    for channel in 0..<channels {
      for pixel in 0..<pixels {
        result[start + pixel * channels + channel] = values[start + channel * pixels + pixel]
      }
    }
  }
  return result
}
