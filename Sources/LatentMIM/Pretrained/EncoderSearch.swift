import Compute
import Files

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
          guard found.isEncoder, name != nil || family.isRecognized(found.names), found.fitsFamily else { continue }
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

  /// Whether shapes are those of the family; what shapes cannot be read of is for loading to tell.
  private var fitsFamily: Bool { (try? PretrainedSizes(self)).map(family.fits) ?? true }

  /// Whether there is something of an encoder: patches or a first block.
  private var isEncoder: Bool { (family.patchNames + family.blockNames).contains(where: contains) }
}

extension EncoderFamily {
  /// What the weights that embed patches are called.
  var patchNames: [String] { names(of: "embed.proj.weight") }

  /// What the first norm of the first block is called.
  var blockNames: [String] { names(of: "blocks.*.norm1.weight") }

  private func names(of tensor: String) -> [String] {
    let parts = tensors.filter { $0.name == tensor }.flatMap { $0.sources.joined() }
    return Set(parts.compactMap(\.name).map { numbered($0, 0) }).sorted()
  }

  /// The different ways in which families name patches and blocks.
  fileprivate static let beginnings: [(patches: [String], blocks: [String])] = {
    var seen: Set<[String]> = []
    return all.map { ($0.patchNames, $0.blockNames) }.filter { seen.insert($0.0 + $0.1).inserted }
  }()
}

extension WeightReader {
  /// What stands before the names of encoders, the shortest first: where patches are embedded and blocks are or, where
  /// nothing does both, one of the two.
  func encoderPlaces() -> [String] {
    let names = names
    func places(_ ends: [String]) -> Set<String> {
      Set(names.flatMap { name in ends.filter(name.ends(inParts:)).map { String(name.dropLast($0.count)) } })
    }
    let found = EncoderFamily.beginnings.map { (places($0.patches), places($0.blocks)) }
    // "conv1.weight" alone is a convolutional network's.
    let plain = EncoderFamily.beginnings.map { beginning in
      places(beginning.patches.filter { $0.contains("patch") })
    }
    let candidates = [found.map { $0.0.intersection($0.1) }, plain, found.map(\.1)].map {
      $0.reduce(Set()) { $0.union($1) }
    }
    return (candidates.first { !$0.isEmpty } ?? []).sorted {
      ($0.count { $0 == "." }, $0) < ($1.count { $0 == "." }, $1)
    }
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
      problems: [
        "\(wanted): no name ends as a vision transformer's do (patch_embed.proj.weight, embeddings.…); \(what)"
      ])
  }
}
