import Networks

extension ModelConfiguration {
  /// The configuration that weights without one belong to, read from their names and shapes.
  ///
  /// What shapes do not tell is taken from the published model: square grid, three channels, gap and objective as in `official`,
  /// heads of width 64 unless width and depth are those of a named encoder, 16 heads in the decoder.
  ///
  /// - Throws: `WeightsError` listing what is missing for it.
  init(inferredFrom weights: WeightReader) throws {
    self.init()
    func shape(_ name: String, _ dimensions: Int) throws -> [Int] {
      guard let shape = try weights.shape(of: name) else {
        throw WeightsError(source: weights.title, problems: ["\(name) is missing: these are no Latent MIM weights"])
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
    let patch = try shape("encoder.embed.proj.weight", 2)[1]
    patchSize = Int(Double(patch / channels).squareRoot().rounded())
    let cells = try shape(positionTableName("encoder"), 2)[0] - 1
    rows = Int(Double(cells).squareRoot().rounded())
    columns = rows
    mlpRatio = Double(try shape("encoder.blocks.0.mlp.fc1.weight", 2)[0]) / Double(width)
    try inferProjector(weights, shape)
    if weights.contains("decoder.embed.weight") {
      decoderWidth = try shape("decoder.embed.weight", 2)[0]
      decoderDepth = weights.blockCount(below: "decoder.blocks.")
    }
    guard patchSize * patchSize * channels == patch, rows * columns == cells else {
      throw WeightsError(
        source: weights.title,
        problems: ["patches of \(patch) numbers on \(cells) cells: wanted square RGB patches on a square grid"])
    }
    numVisible = max(1, Int((Double(cells) * 0.1).rounded()))
    try validate()
  }

  private mutating func inferProjector(_ weights: WeightReader, _ shape: (String, Int) throws -> [Int]) throws {
    projectorDepth = (0..<16).first { !weights.contains("encoder.head.linear\($0).weight") } ?? 16
    guard projectorDepth > 0 else {
      (projector, projectorDepth) = (.none, 3)
      return
    }
    projectorWidth = try shape("encoder.head.linear0.weight", 2)[0]
    projector = weights.contains("target_encoder.head.linear0.weight") ? .both : .online
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
