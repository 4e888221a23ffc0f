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
  private let targets: any TargetSource
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
    latents =
      configuration.targetDepth == 0
      ? nil
      : LatentTargets(
        configuration, targetEncoder ?? encoder, targetEncoder == nil ? positions : targetPositions)
    targets = latents ?? configuration.lowLevelTargets
    predictor =
      configuration.contrastCoefficient > 0
      ? try ContrastPredictor(configuration.width, hidden: configuration.projectorWidth) : nil
    objective = configuration.objectiveFunction
    constraint = SimilarityConstraint(configuration)
  }

  /// The loss of a batch, to be recorded on a tape, and what is measured besides.
  ///
  /// - Parameters:
  ///   - crops: valid.
  ///   - gamma: γ of the similarity constraint.
  /// - Throws: `ShapeError`, `OutOfMemory`, `Interrupted`.
  func forward(_ crops: TrainingCrops, gamma: Float) throws -> [ForwardOutputs] {
    let first = try forward(crops.images, crops.targetImages ?? crops.images, views: crops.views, gamma: gamma)
    guard let second = crops.second else { return [first] }
    return [first, try forward(second.images, second.images, views: second.views, gamma: gamma)]
  }

  /// The mean of the crops' losses, and their contrast.
  func loss(_ outputs: [ForwardOutputs], _ crops: TrainingCrops) throws -> Tensor {
    guard let second = crops.second, let predictor, let latents else { return outputs[0].loss }
    let contrast = CropContrast(configuration)
    let queries = try outputs.map { try predictor(averagedTokens($0.visible)) }
    let term = try contrast(
      queries: (queries[0], queries[1]),
      keys: (
        latents.meanOfVisible(crops.images, crops.views), latents.meanOfVisible(second.images, second.views)
      ))
    return try weightedSum([(0.5, outputs[0].loss), (0.5, outputs[1].loss), (contrast.coefficient, term)])
  }

  private func forward(
    _ images: Tensor, _ targetImages: Tensor, views: Views, gamma: Float
  ) throws -> ForwardOutputs {
    // First, because it needs most memory for a moment and leaves least.
    let targets = try Profile.$part.withValue("target encoder") { try self.targets(targetImages, views: views) }
    let seen = try Profile.$part.withValue("online encoder") { try see(images, views) }
    let predictions = try Profile.$part.withValue("decoder") { try predict(seen, views) }

    let held = configuration.similarityTokens == .projected ? seen.projected : seen.unprojected
    let ofPredictions = try meanCosine(normalize(predictions))
    let ofVisible = try meanCosine(normalize(patchTokens(held)))
    let loss = try weightedSum(
      [(1, objective(predictions, targets))] + constraint.terms([ofPredictions, ofVisible], gamma: gamma))
    let visible = try patchTokens(seen.projected)
    return ForwardOutputs(
      loss: loss, visible: predictor == nil ? visible.detached : visible, ofPredictions: ofPredictions,
      ofVisible: try meanCosine(normalize(visible.detached)),
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
      let tokens = try encoder(
        patches(images, cells: views.visible, views: views), positions: positions(views.visible, images: views.batch))
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
      (0..<lead) + views.visible[image * views.numVisible..<(image + 1) * views.numVisible].map { $0 + lead }
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
    encoder.leadingTokens == 0 ? tokens : try dropFirstToken(tokens)
  }

  private func patches(_ images: Tensor, cells: [Int32], views: Views) throws -> Tensor {
    try extractPatches(images, grid: configuration.patchGrid, cells: cells, offsets: views.offsets)
  }
}
