import Compute
import Files

import Compute

extension PretrainedWeights {
  /// Finds the encoder in a source.
  ///
  /// - Parameters:
  ///   - name: of the family asked for; nil: told from names and places.
  ///   - prefix: what stands before the encoder's names; nil: found by what names end in. It says where the encoder
  ///     lies and nothing else.
  /// - Returns: nil where the names are this project's.
  /// - Throws: `WeightsError` where there is none, or none of the family asked for, `ConfigurationError` for an unknown
  ///   family.
  static func find(in reader: WeightReader, family name: String?, prefix: String?) throws -> PretrainedWeights? {
    let isOwn = reader.names.contains { $0.hasPrefix("encoder.embed.") || isPositionTable($0) }
    if name == PretrainedOptions.own || (name == nil && isOwn) { return nil }
    let families = EncoderFamily.all.filter { name == nil || $0.name == name }
    guard !families.isEmpty else {
      throw ConfigurationError("family", "is \(quoted([name ?? ""])), wanted \(oneOf(PretrainedOptions.families))")
    }
    let there = reader.encoderPlaces()
    let candidates = prefix.map { [withoutWrappers($0)] } ?? there
    for family in families {
      // A family that is asked for may lie anywhere.
      for place in family.places + (name == nil ? [] : [""]) {
        for candidate in candidates where candidate.ends(inParts: place) {
          var found = PretrainedWeights(reader, family, prefix: candidate)
          guard found.isEncoder, name != nil || family.isRecognized(found.names) else { continue }
          found.others = prefix == nil ? there.filter { $0 != candidate } : []
          return found
        }
      }
    }
    throw reader.noEncoder(family: name, prefix: prefix, there)
  }

  /// The encoder and decoder of a family whose checkpoints hold whole models; nil where there are none.
  static func wholeModel(in reader: WeightReader) -> PretrainedWeights? {
    let places = reader.encoderPlaces()
    for family in EncoderFamily.all where !family.decoder.isEmpty {
      for place in places {
        let found = PretrainedWeights(reader, family, prefix: place)
        if family.isRecognized(found.names) { return found }
      }
    }
    return nil
  }

  /// Whether there is something of an encoder: patches or a first block.
  private var isEncoder: Bool { Self.beginnings.joined().contains(where: contains) }

  /// What the tensors that an encoder is known by are called in one family or another: patches, and the first block's
  /// norm.
  fileprivate static let beginnings: [[String]] = ["embed.proj.weight", "blocks.*.norm1.weight"].map { name in
    let parts = EncoderFamily.all.flatMap { $0.tensors.filter { $0.name == name }.flatMap { $0.sources.joined() } }
    return Set(
      parts.compactMap { part in if case .tensor(let original) = part { numbered(original, 0) } else { nil } }
    ).sorted()
  }
}

extension WeightReader {
  /// What stands before the names of encoders, the shortest first: where patches are embedded or, where nothing does
  /// that, first blocks are.
  func encoderPlaces() -> [String] {
    for beginnings in PretrainedWeights.beginnings {
      let places = Set(
        names.flatMap { name in
          beginnings.filter(name.ends(inParts:)).map { String(name.dropLast($0.count)) }
        })
      guard places.isEmpty else { return places.sorted { ($0.count { $0 == "." }, $0) < ($1.count { $0 == "." }, $1) } }
    }
    return []
  }

  /// That there is no encoder, and what is there instead.
  fileprivate func noEncoder(family: String?, prefix: String?, _ places: [String]) -> WeightsError {
    let wanted =
      "no encoder was found" + (prefix.map { " behind '\(shortened($0))'" } ?? "")
      + (family.map { " of the family '\($0)'" } ?? "")
    let elsewhere = "there is one behind \(listed(places.map { "'\($0)'" }))"
    guard places.isEmpty else { return WeightsError(source: title, problems: ["\(wanted); \(elsewhere)"]) }
    let groups = Dictionary(grouping: names) { $0.split(separator: ".").first.map { "\($0)." } ?? "" }
    let sizes = groups.sorted { ($1.value.count, $0.key) < ($0.value.count, $1.key) }.map { "\($0) (\($1.count))" }
    let what =
      names.isEmpty
      ? "there are no tensors"
      : "names there begin with \(listed(sizes)), such as \(listed(names))"
    return WeightsError(
      source: title,
      problems: ["\(wanted): no name ends in patch_embed.proj.weight or blocks.0.norm1.weight; \(what)"])
  }
}
