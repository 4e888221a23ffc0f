import Files
import Networks

extension ModelConfiguration {
  /// The configuration that weights without one belong to, read from their names and shapes.
  ///
  /// What neither shapes nor `options` tell is taken from the published model: square grid, three channels, gap and
  /// objective as in `official`, heads of width 64 unless width and depth are those of a named encoder, 16 heads in the
  /// decoder.
  ///
  /// - Parameters:
  ///   - options: go before what shapes tell; as for `init(json:)`, without `size`.
  ///   - preset: what neither tells, where options name none.
  /// - Throws: `WeightsError` listing what is missing, `ConfigurationError`, `JSONError`.
  init(inferredFrom weights: WeightReader, options: JSONCursor, preset: Preset = .official) throws {
    let preset = try options.preset(otherwise: preset)
    self.init(preset: preset)
    channels = try options.optionalMember("channels")?.int() ?? channels
    func shape(_ name: String, _ dimensions: Int) throws -> [Int] {
      guard let shape = try weights.shape(of: name) else {
        let isEncoder = !weights.encoderPlaces().isEmpty
        throw WeightsError(
          source: weights.title,
          problems: [
            "\(name) is missing: these are no Latent MIM weights"
              + (isEncoder ? "; load_encoder reads vision transformers of other projects" : "")
          ])
      }
      guard shape.count == dimensions, shape.allSatisfy({ $0 > 0 }) else {
        throw WeightsError(
          source: weights.title, problems: ["\(name) has shape \(shape), wanted \(dimensions) dimensions"])
      }
      return shape
    }
    width = try shape("encoder.cls_token", 3)[2]
    depth = weights.blockCount(below: "encoder.blocks.")
    heads = EncoderSize.all.first { $0.width == width && $0.depth == depth }?.heads ?? max(1, width / 64)
    patchSize = Int(
      (Double(try shape("encoder.embed.proj.weight", 2)[1]) / Double(max(channels, 1))).squareRoot().rounded())
    if try options.optionalMember("grid") == nil {
      rows = Int(Double(try shape(positionTableName("encoder"), 2)[0] - 1).squareRoot().rounded())
      columns = rows
    }
    mlpRatio = Double(try shape("encoder.blocks.0.mlp.fc1.weight", 2)[0]) / Double(width)
    try inferProjector(weights, shape)
    if weights.contains("decoder.embed.weight") {
      decoderWidth = try shape("decoder.embed.weight", 2)[0]
      decoderDepth = weights.blockCount(below: "decoder.blocks.")
    }
    try apply(options, also: ["preset", "mask_ratio"])
    try setRelated(options)
    try setVisible(options, ratio: preset.maskRatio)
    try setNormalization(
      isMeanGiven: options.optionalMember("mean") != nil, isStdGiven: options.optionalMember("std") != nil)
    try check(patch: shape("encoder.embed.proj.weight", 2)[1], weights)
    try validate()
  }

  /// - Throws: `WeightsError` where patches or grid are not what the shapes allow.
  private func check(patch: Int, _ weights: WeightReader) throws {
    guard patchSize * patchSize * channels == patch else {
      throw WeightsError(
        source: weights.title,
        problems: [
          "patches have \(patch) numbers: no square of \(channels) channels; say which with the option 'channels'"
        ])
    }
    guard let table = try weights.shape(of: positionTableName("encoder")), table.first != numPatches + 1 else { return }
    throw WeightsError(
      source: weights.title,
      problems: [
        "positions of \((table.first ?? 1) - 1) cells, the grid [\(rows), \(columns)] has \(numPatches); say which with 'grid'"
      ])
  }

  private mutating func inferProjector(_ weights: WeightReader, _ shape: (String, Int) throws -> [Int]) throws {
    projectorDepth = (0..<16).first { !weights.contains("encoder.head.linear\($0).weight") } ?? 16
    guard projectorDepth > 0 else {
      (projector, projectorDepth) = (.none, 3)
      return
    }
    projectorWidth = try shape("encoder.head.linear0.weight", 2)[0]
    let hasTarget = weights.contains("target_encoder.cls_token")
    projector = hasTarget && !weights.contains("target_encoder.head.linear0.weight") ? .online : .both
  }
}

extension WeightReader {
  /// How many consecutive blocks there are, from number 0.
  fileprivate func blockCount(below prefix: String) -> Int {
    let numbers = Set(
      names.filter { $0.hasPrefix(prefix) }.compactMap { Int($0.dropFirst(prefix.count).prefix { $0 != "." }) })
    return (0...numbers.count).first { !numbers.contains($0) } ?? 0
  }
}
