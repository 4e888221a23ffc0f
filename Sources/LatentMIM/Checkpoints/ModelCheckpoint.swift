import Files
import Compute
import Networks

/// What a file of weights says that it holds.
enum FileFormat {
  static let model = "latentmim model"
  static let checkpoint = "latentmim checkpoint"
  static let encoder = "latentmim encoder"
}

/// What a file of weights says about itself, in its safetensors metadata.
enum FileKey {
  static let format = "format"
  static let model = "model"
  static let training = "training"
  static let state = "state"
  static let pretrained = "pretrained"
}

/// No options: what shapes do not tell is taken from the published model.
public let noOptions = JSONCursor(.object([:]), source: "options")

extension LatentMIMModel {
  /// Writes weights and configuration: beside the path, synced, renamed.
  ///
  /// - Throws: `FileError`, `SafetensorsError`.
  public func save(to path: some FilePathConvertible) throws {
    var writer = SafetensorsWriter(metadata: try configuration.fileMetadata(format: FileFormat.model))
    try addWeights(to: &writer)
    try writer.write(to: path)
  }

  /// Reads a model that `save` or a trainer wrote (of a run's folder: the last one), or weights under the published
  /// names or those of MAE's checkpoints, whose configuration is then read from their shapes.
  ///
  /// - Parameter options: for weights without a configuration, what shapes do not tell.
  /// - Returns: the model and remarks on what was noticed.
  /// - Throws: `CheckpointError` where options are given and the file has its own configuration, `FileError`,
  ///   `SafetensorsError`, `WeightsError`, `ConfigurationError`, `JSONError`, `OutOfMemory`.
  public static func load(
    from location: some FilePathConvertible, options: JSONCursor = noOptions
  ) throws -> (model: LatentMIMModel, remarks: [String]) {
    let found = try weightsFile(at: location, names: RunFiles.ofModel)
    let file = try SafetensorsFile(path: found)
    let path = found.text
    guard file.metadata[FileKey.format] != FileFormat.encoder else {
      throw CheckpointError(path: path, problem: "holds an encoder alone, no whole model: load_encoder reads it")
    }
    return try load(file, title: path, configuration: file.modelConfiguration(path: path), options: options)
  }

  /// A model from named tensors.
  ///
  /// - Parameters:
  ///   - title: what messages call the source.
  ///   - configuration: nil: read from the tensors' shapes.
  ///   - options: go before what shapes tell.
  public static func load(
    _ source: any TensorSource, title: String, configuration: ModelConfiguration? = nil,
    options: JSONCursor = noOptions
  ) throws -> (model: LatentMIMModel, remarks: [String]) {
    let translated = TranslatedWeights(WeightReader(source, title: title))
    let source = translated ?? source
    let reader = WeightReader(source, title: title)
    let (configuration, remarks) = try reader.configuration(
      stored: configuration, options: options, preset: translated?.weights.family.preset ?? .official)
    let model = try LatentMIMModel(configuration)
    return (model, remarks + (try model.load(source, title: title)))
  }
}

extension Encoder {
  /// Writes the encoder alone, with the configuration of its model; what adapters add to weights is taken in.
  ///
  /// - Throws: `FileError`, `SafetensorsError`.
  public func save(to path: some FilePathConvertible) throws {
    let configuration = savedConfiguration
    var metadata = try configuration.fileMetadata(format: FileFormat.encoder)
    if let pretrained { metadata[FileKey.pretrained] = try pretrained.json(network.shape).text() }
    var writer = SafetensorsWriter(metadata: metadata)
    for (name, tensor) in try storedTensors() {
      try writer.add(name, shape: tensor.shape, values: tensor.buffer.values)
    }
    try writer.write(to: path)
  }

  /// The configuration that goes with merged weights.
  private var savedConfiguration: ModelConfiguration {
    var configuration = configuration
    (configuration.loraRank, configuration.trainLayers) = (0, .all)
    return configuration
  }

  /// What tells it from other encoders, saved and read again or not: a digest of all that `save` writes.
  ///
  /// - Throws: `OutOfMemory`.
  public func fingerprint() throws -> String {
    var all = Digest()
    all.add(Array(try digest().utf8))
    all.add(Array(try savedConfiguration.json.text().utf8))
    if let pretrained { all.add(Array(try pretrained.json(network.shape).text().utf8)) }
    pretrained?.rotary?.periods.withUnsafeBufferPointer { all.add($0) }
    return all.text
  }

  /// Reads the online encoder of any file or run's folder that holds one, or the vision transformer of another project;
  /// see `load(_:title:…)`.
  ///
  /// - Throws: as `LatentMIMModel.load(from:)`.
  public static func load(
    from location: some FilePathConvertible, options: JSONCursor = noOptions
  ) throws -> (encoder: Encoder, remarks: [String]) {
    let found = try weightsFile(at: location, names: RunFiles.ofEncoder)
    let beside = ConfigurationBeside(folder: found.folder)
    if found.isIndex {
      return try load(ShardedTensors(index: found), title: found.text, options: options, beside: beside)
    }
    let file = try SafetensorsFile(path: found)
    let path = found.text
    if let text = file.metadata[FileKey.pretrained], let configuration = try file.modelConfiguration(path: path) {
      let reader = WeightReader(file, title: path)
      try reader.refuseOptions(options)
      return (try reader.storedPretrainedEncoder(configuration, text), [])
    }
    return try load(
      file, title: path, configuration: file.modelConfiguration(path: path), options: options, beside: beside)
  }

  /// An encoder from named tensors; parameters as for `LatentMIMModel.load`.
  ///
  /// Names of other projects are told by themselves (`EncoderFamily.all`). `options` for those: `family`, which goes
  /// before what names tell ("latentmim" for this project's), `prefix`, what stands before the encoder's names,
  /// `interpolation`, `activation`, `epsilon`, `grid`, `heads`, `mean`, `std`. What they do not say is taken from
  /// `beside`.
  public static func load(
    _ source: any TensorSource, title: String, configuration: ModelConfiguration? = nil,
    options: JSONCursor = noOptions, beside: ConfigurationBeside? = nil
  ) throws -> (encoder: Encoder, remarks: [String]) {
    let reader = WeightReader(source, title: title)
    if configuration == nil {
      let (family, prefix) = try (
        options.optionalMember("family")?.string(), options.optionalMember("prefix")?.string()
      )
      if let weights = try PretrainedWeights.find(in: reader, family: family, prefix: prefix) {
        let options = try PretrainedOptions(options)
        return try load(
          weights, options, beside ?? options.beside.map { ConfigurationBeside(folder: FilePath($0).folder) })
      }
    }
    let options = try configuration == nil ? PretrainedOptions.withoutForeign(options) : options
    let (configuration, remarks) = try reader.configuration(stored: configuration, options: options)
    let network = try VisionTransformer(
      configuration.encoderShape, positions: configuration.positionEmbedding(width: configuration.width))
    try reader.fill(network.namedParameters(prefix: "encoder").map(\.place)) {
      !$0.hasPrefix("encoder.") || isPositionTable($0)
    }
    let remark =
      configuration.learnPositions
      ? nil : try reader.remarkOnPositions(of: "encoder", configuration, width: configuration.width)
    return (Encoder(configuration, network), remarks + (remark.map { [$0] } ?? []))
  }
}

extension ModelConfiguration {
  func fileMetadata(format: String) throws -> [String: String] {
    [FileKey.format: format, FileKey.model: try json.text()]
  }
}

extension WeightReader {
  /// The configuration of the weights: the one stored with them, or what shapes and options tell, with a remark on what
  /// they do not.
  ///
  /// - Throws: `CheckpointError` where there is one and options are given, `WeightsError` where it cannot be that of
  ///   the weights, and what reading shapes throws.
  func configuration(
    stored: ModelConfiguration?, options: JSONCursor, preset: Preset = .official
  ) throws -> (configuration: ModelConfiguration, remarks: [String]) {
    let given = try options.keys()
    if let stored {
      try refuseOptions(options)
      try checkSize(stored)
      return (stored, [])
    }
    let found = try ModelConfiguration(inferredFrom: self, options: options, preset: preset)
    try checkSize(found)
    let isNamed = EncoderSize.all.contains { $0.width == found.width && $0.depth == found.depth }
    guard !isNamed, !given.contains("heads") else { return (found, []) }
    return (
      found,
      ["\(title): weights do not tell the number of heads; \(found.heads) taken, say so with heads= if that is wrong"]
    )
  }
}

extension WeightReader {
  /// - Throws: `CheckpointError` where there are any: the weights have a configuration.
  func refuseOptions(_ options: JSONCursor) throws {
    let given = try options.keys()
    guard given.isEmpty else {
      throw CheckpointError(
        path: title, problem: "holds its own configuration; \(listed(given)) cannot be given")
    }
  }
}

extension SafetensorsFile {
  /// The configuration a file carries; nil where it has none.
  ///
  /// - Throws: `JSONError`, `ConfigurationError` where it has one that does not hold.
  func modelConfiguration(path: String) throws -> ModelConfiguration? {
    guard let text = metadata[FileKey.model] else { return nil }
    let source = "\(path), metadata '\(FileKey.model)'"
    do {
      return try ModelConfiguration(json: JSONCursor(JSONValue(parsing: text, source: source), source: source))
    } catch let error as ConfigurationError {
      throw CheckpointError(path: source, problem: error.description)
    }
  }
}
