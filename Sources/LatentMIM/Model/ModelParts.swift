import Compute
import Networks
import Tensors

/// What a configuration is made of, and how a batch goes through it.
struct ModelParts {
  let encoder: VisionTransformer
  let targetEncoder: VisionTransformer?
  let decoder: any Decoder
  /// What contrasts crops; nil where they are not.
  let predictor: ContrastPredictor?
  /// What makes targets of patches where a random projection does.
  let projection: TargetProjection?
  private var targets: any TargetSource
  private let latents: LatentTargets?
  private let objective: any Objective
  private let constraint: SimilarityConstraint
  private let positions: PositionEmbedding
  private let configuration: ModelConfiguration

  /// - Throws: `OutOfMemory`.
  init(_ configuration: ModelConfiguration) throws {
    self.configuration = configuration
    positions = try configuration.positionEmbedding(width: configuration.width)
    encoder = try VisionTransformer(configuration.encoderShape, positions: positions)
    // A target encoder that is not the online one has positions of its own where they are trained.
    let targetPositions =
      configuration.learnPositions ? try configuration.positionEmbedding(width: configuration.width) : positions
    targetEncoder =
      configuration.hasTargetEncoder
      ? try VisionTransformer(configuration.targetEncoderShape, positions: targetPositions) : nil
    decoder = try configuration.makeDecoder()
    projection =
      configuration.targetEncoder == .randomProjection
      ? try TargetProjection(configuration.encoderShape.patchCount, configuration.width) : nil
    latents =
      configuration.hasLatentTargets
      ? LatentTargets(configuration, targetEncoder ?? encoder, targetEncoder == nil ? positions : targetPositions)
      : nil
    targets =
      latents ?? projection.map { ProjectionTargets(configuration, $0) }
      ?? (configuration.targetEncoder == .frozen ? MissingTeacher() : configuration.lowLevelTargets)
    predictor =
      configuration.contrastCoefficient > 0
      ? try ContrastPredictor(configuration.width, hidden: configuration.projectorWidth) : nil
    objective = configuration.objectiveFunction
    constraint = SimilarityConstraint(configuration)
  }

  /// Takes targets from an encoder that stays as it is.
  mutating func setTeacher(_ teacher: Encoder) { targets = TeacherTargets(configuration, teacher) }

  /// Whether the loss of a batch is more than the mean of its images' losses.
  var mixesImages: Bool { predictor != nil || (constraint.coefficient > 0 && constraint.form == .batch) }

  /// A batch's way through the model, to be recorded on a tape: one result for each crop.
  ///
  /// - Parameter crops: valid.
  /// - Throws: `ShapeError`, `OutOfMemory`, `Interrupted`.
  func forward(_ crops: TrainingCrops) throws -> [ForwardOutputs] {
    let first = try forward(crops.images, crops.targetImages ?? crops.images, views: crops.views)
    guard let second = crops.second else { return [first] }
    return [first, try forward(second.images, second.images, views: second.views)]
  }

  /// What `forward` will find for the terms that mix images, without the rest.
  ///
  /// - Throws: as `forward`.
  func mixedValues(_ crops: TrainingCrops) throws -> [MixedValues] {
    try ([(crops.images, crops.views)] + (crops.second.map { [$0] } ?? [])).map { images, views in
      let seen = try Profile.$part.withValue("online encoder") { try see(images, views) }
      let predictions =
        constraint.coefficient > 0 ? try Profile.$part.withValue("decoder") { try predict(seen, views) } : nil
      return try mixedValues(seen, predictions.map { try meanCosine(normalize($0)) }, images, views)
    }
  }

  private func mixedValues(
    _ seen: Seen, _ ofPredictions: Tensor?, _ images: Tensor, _ views: Views
  ) throws -> MixedValues {
    var values = MixedValues(similarities: [])
    if constraint.coefficient > 0, let ofPredictions {
      let held = configuration.similarityTokens == .projected ? seen.projected : seen.unprojected
      values.similarities = [ofPredictions, try meanCosine(normalize(patchTokens(held)))]
    }
    if predictor != nil {
      values.pooled = try averagedTokens(patchTokens(seen.projected))
      values.keys = try latents?.meanOfVisible(images, views)
    }
    return values
  }

  /// The mean of the crops' losses, the terms that mix images left out.
  func objectiveTerms(_ outputs: [ForwardOutputs], share: Float = 1) -> [(factor: Float, term: Tensor)] {
    outputs.map { (share / Float(outputs.count), $0.objective) }
  }

  /// The similarity constraint, the mean over crops, and the contrast of crops.
  ///
  /// - Parameters:
  ///   - crops: for each crop, the values of all images.
  ///   - gamma: γ of the similarity constraint.
  func mixedTerms(_ crops: [MixedValues], gamma: Float) throws -> [(factor: Float, term: Tensor)] {
    var terms = try crops.flatMap { crop in
      try constraint.terms(crop.similarities, gamma: gamma).map { ($0.factor / Float(crops.count), $0.term) }
    }
    if let predictor, crops.count == 2, let keys = crops[0].keys, let others = crops[1].keys {
      let contrast = CropContrast(configuration)
      let queries = try crops.compactMap(\.pooled).map { try predictor($0) }
      terms.append(
        (contrast.coefficient, try contrast(queries: (queries[0], queries[1]), keys: (keys, others))))
    }
    return terms
  }

  private func forward(_ images: Tensor, _ targetImages: Tensor, views: Views) throws -> ForwardOutputs {
    // First, because it needs most memory for a moment and leaves least.
    let targets = try Profile.$part.withValue("target encoder") { try self.targets(targetImages, views: views) }
    let seen = try Profile.$part.withValue("online encoder") { try see(images, views) }
    let predictions = try Profile.$part.withValue("decoder") { try predict(seen, views) }
    let ofPredictions = try meanCosine(normalize(predictions))
    let visible = try patchTokens(seen.projected).detached
    return ForwardOutputs(
      objective: try objective(predictions, targets), mixed: try mixedValues(seen, ofPredictions, images, views),
      visible: visible, ofPredictions: ofPredictions, ofVisible: try meanCosine(normalize(visible)),
      ofTargets: try meanCosine(normalize(targets.values.detached)))
  }

  /// What the online encoder says of visible patches, class token first, and where it sees mask tokens, of the targets.
  private struct Seen {
    /// [B, V + 1, C], behind the final norm; the same projected.
    let unprojected: Tensor
    let projected: Tensor
    /// [B, T, C], projected.
    let atTargets: Tensor?
  }

  private func see(_ images: Tensor, _ views: Views) throws -> Seen {
    switch configuration.maskedInput {
    case .removed:
      let all = try encoder(
        patches(images, cells: views.visible, views: views), positions: positions(views.visible, images: views.batch))
      let tokens = try encoder.withoutRegisters(all)
      return Seen(unprojected: tokens, projected: try encoder.project(tokens), atTargets: nil)
    case .token:
      let cells = configuration.patchGrid.allCells(images: views.batch)
      let tokens = try encoder(
        patches(images, cells: cells, views: views), positions: positions(cells, images: views.batch),
        masked: views.target)
      let projected = try encoder.project(tokens)
      let rows = rowsSeen(views)
      let unprojected = try selectTokens(tokens, indices: rows)
      return Seen(
        unprojected: unprojected,
        projected: encoder.projector == nil ? unprojected : try selectTokens(projected, indices: rows),
        atTargets: decoder.readsTargetTokens
          ? try selectTokens(projected, indices: views.target.map { $0 + Int32(encoder.leadingTokens) }) : nil)
    }
  }

  /// The rows of the class token and of visible patches among the tokens of whole images.
  private func rowsSeen(_ views: Views) -> [Int32] {
    let lead = Int32(encoder.leadingTokens)
    return (0..<views.batch).flatMap { image in
      (0..<(configuration.classToken ? 1 : 0))
        + views.visible[image * views.numVisible..<(image + 1) * views.numVisible].map { $0 + lead }
    }
  }

  /// [B, T, width of the targets]; each block of targets is predicted for itself.
  private func predict(_ seen: Seen, _ views: Views) throws -> Tensor {
    if let atTargets = seen.atTargets {
      return try decoder(atTargets, visible: views.visible, target: views.target)
    }
    let blocks = views.targetBlocks
    let visible = (0..<views.batch * blocks).flatMap { place in
      views.visible[place / blocks * views.numVisible..<(place / blocks + 1) * views.numVisible]
    }
    let predictions = try decoder(
      repeatImages(seen.projected, times: blocks), visible: visible, target: views.target)
    return blocks == 1
      ? predictions : try predictions.reshaped([views.batch, views.numTarget, configuration.targetWidth])
  }

  private func patchTokens(_ tokens: Tensor) throws -> Tensor {
    configuration.classToken ? try dropFirstToken(tokens) : tokens
  }

  private func patches(_ images: Tensor, cells: [Int32], views: Views) throws -> Tensor {
    try extractPatches(images, grid: configuration.patchGrid, cells: cells, offsets: views.offsets)
  }
}
