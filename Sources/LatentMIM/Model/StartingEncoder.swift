import Compute
import Files
import Networks
import Tensors

// How a model begins as an encoder that exists: what its configuration takes over, and its weights.

extension ModelConfiguration {
  /// The options that say what an encoder is like: they are its, whatever else is chosen.
  private static let ofEncoder: [@Sendable (inout Self, Self) -> Void] = [
    { $0.width = $1.width }, { $0.depth = $1.depth }, { $0.heads = $1.heads }, { $0.mlpRatio = $1.mlpRatio },
    { $0.patchSize = $1.patchSize }, { $0.channels = $1.channels }, { $0.classToken = $1.classToken },
    { $0.registers = $1.registers }, { $0.normEpsilon = $1.normEpsilon },
  ]

  /// What an encoder is like, in place of what stands here.
  private mutating func setEncoder(_ start: Encoder) {
    let found = start.startingConfiguration
    for copy in Self.ofEncoder { copy(&self, found) }
    if found.learnPositions { learnPositions = true }
    if start.pretrained == nil { positions = found.positions }
  }

  /// Takes over what an encoder is like and how pixels are normalised for it.
  ///
  /// - Parameter isContinued: whether all other options of the model that it comes from are taken over, too.
  mutating func takeOver(_ start: Encoder, isContinued: Bool) {
    if isContinued { self = start.configuration }
    setEncoder(start)
    (mean, std) = (start.configuration.mean, start.configuration.std)
    (loraRank, trainLayers, teacherWidth, teacherDigest) = (0, .all, nil, nil)
  }

  /// - Throws: `ConfigurationError` for an option that is not what the encoder is like, and where the encoder is none
  ///   that can be trained here.
  func check(start: Encoder) throws {
    var wanted = self
    wanted.setEncoder(start)
    if let difference = differences(from: wanted).first {
      throw ConfigurationError(
        difference.name,
        "is \(try difference.here.text()), and \(try difference.there.text()) of the encoder to start from; leave it out"
      )
    }
    var shape = start.network.shape
    (shape.projector, shape.hasMaskToken, shape.loraRank) = (nil, false, 0)
    var own = encoderShape(projects: false)
    own.loraRank = 0
    let isPlain = start.pretrained.map { $0.relative == nil && $0.rotary == nil && $0.positions != nil } ?? true
    guard shape == own, isPlain else {
      throw ConfigurationError(
        "init",
        "is an encoder of the family '\(start.family)' with parts that are not trained here, such as relative position "
          + "bias, rotary positions or a gated MLP; wanted a plain vision transformer with a table of positions")
    }
  }

  /// Asks for frozen targets of an encoder.
  mutating func setTeacher(_ teacher: Encoder) throws {
    targetEncoder = .frozen
    (teacherWidth, teacherDigest) = (teacher.configuration.width, try teacher.digest())
  }

  /// - Throws: `ConfigurationError` where targets are not this encoder's.
  func check(teacher: Encoder) throws {
    guard targetEncoder == .frozen else {
      throw ConfigurationError(
        "target_encoder", "is '\(targetEncoder.rawValue)' and there is a teacher, wanted 'frozen', or none")
    }
    let digest = try teacher.digest()
    guard teacherWidth == teacher.configuration.width, teacherDigest == digest else {
      throw ConfigurationError(
        "teacher",
        "is another one: its weights have the digest \(digest), those of this model's the digest \(teacherDigest ?? "")"
      )
    }
    guard teacher.configuration.channels == channels else {
      throw ConfigurationError(
        "teacher", "sees \(teacher.configuration.channels) channels, the model has \(channels)")
    }
  }
}

extension Encoder {
  /// Its configuration, with what only its network tells, and learned positions where it has a table of them.
  fileprivate var startingConfiguration: ModelConfiguration {
    var found = configuration
    (found.classToken, found.registers) = (network.shape.hasClassToken, network.shape.registers)
    // The shortest decimal number that is this Float: 1e-6, not 9.99999997e-7.
    found.normEpsilon = Double("\(network.shape.epsilon)") ?? found.normEpsilon
    if pretrained != nil { found.learnPositions = true }
    return found
  }
}

extension LatentMIMModel {
  /// Begins as an encoder: its weights become those of the online encoder and of an independent one. A table of
  /// positions is interpolated where the grid is another. What the encoder does not have keeps its fresh weights: the
  /// projector of other projects' encoders, a mask token, one of another size.
  ///
  /// - Parameter start: of the shape that the configuration says.
  /// - Throws: `ShapeError`, `OutOfMemory`.
  func takeWeights(of start: Encoder) throws {
    let found = try Dictionary(uniqueKeysWithValues: start.network.mergedParameters())
    for network in [encoder, targetEncoder].compactMap({ $0 }) {
      for named in network.namedParameters() {
        guard let tensor = found[named.name], tensor.shape == named.parameter.shape else { continue }
        named.parameter.fill(tensor)
      }
      try network.positions?.learned?.fill(start.learnedTable(configuration))
    }
  }
}

extension Encoder {
  /// The positions of a model's grid, [L + 1, C], the class token's first.
  fileprivate func learnedTable(_ model: ModelConfiguration) throws -> Tensor {
    let grid = PatchGrid(rows: model.trainingRows, columns: model.trainingColumns, side: model.patchSize, gap: 0)
    let patches = try places(grid, scaling: .span).table
    let ofToken = network.positions?.learned?.tensor.values.prefix(model.width)
    return try Tensor(
      shape: [grid.cells + 1, model.width],
      values: Array(ofToken ?? ArraySlice(repeating: 0, count: model.width)) + patches.values)
  }
}
