import Networks
import Tensors

/// Latents that an encoder gives patches: the targets of latent masked image modelling.
struct LatentTargets: TargetSource {
  private let network: VisionTransformer
  private let positions: PositionEmbedding
  private let grid: PatchGrid
  private let depth: Int
  private let layers: Int
  private let norm: TargetNorm
  private let sees: TargetInput
  private let negatives: Negatives
  private let projects: Bool
  private let isDetached: Bool

  init(_ configuration: ModelConfiguration, _ network: VisionTransformer, _ positions: PositionEmbedding) {
    (self.network, self.positions, grid) = (network, positions, configuration.patchGrid)
    (depth, layers) = (configuration.usedTargetDepth, configuration.targetLayers)
    (norm, sees, negatives) = (configuration.targetNorm, configuration.targetSees, configuration.negatives)
    projects = configuration.projectsTargets
    isDetached = [.momentum, .siamese].contains(configuration.targetEncoder)
  }

  func callAsFunction(_ images: Tensor, views: Views) throws -> Targets {
    try Computation.$current.withValue(Computation.current.ofTargets) {
      isDetached ? try Tape.pause { try targets(images, views) } : try targets(images, views)
    }
  }

  /// The mean latent of each image's visible patches, seen by themselves. [B, C], a constant.
  func meanOfVisible(_ images: Tensor, _ views: Views) throws -> Tensor {
    try Computation.$current.withValue(Computation.current.ofTargets) {
      try Tape.pause { try tokenMeans(latents(images, views, cells: views.visible)) }
    }
  }

  private func targets(_ images: Tensor, _ views: Views) throws -> Targets {
    switch sees {
    case .target: return Targets(values: try latents(images, views, cells: views.target))
    case .all:
      let all = try latents(images, views, cells: grid.allCells(images: views.batch))
      let values = try selectTokens(all, indices: views.target)
      return Targets(values: values, keys: negatives == .all ? (all, views.target) : nil)
    }
  }

  /// The latents of patches that are seen together. [B, K, C].
  private func latents(_ images: Tensor, _ views: Views, cells: [Int32]) throws -> Tensor {
    let patches = try extractPatches(images, grid: grid, cells: cells, offsets: views.offsets)
    let placed = try positions(cells, images: views.batch)
    let tokens =
      layers > 0
      ? try meanOfLayers(patches, positions: placed)
      : try output(patches, positions: placed)
    let latents = try network.patchTokens(tokens)
    return norm == .layer ? try plainNorm(latents) : latents
  }

  private func output(_ patches: Tensor, positions: Tensor) throws -> Tensor {
    let tokens = try network(patches, positions: positions, layer: depth)
    return projects ? try network.project(tokens) : tokens
  }

  /// The mean over the last blocks of their normed outputs, normed (Baevski et al. 2022).
  private func meanOfLayers(_ patches: Tensor, positions: Tensor) throws -> Tensor {
    var sum: Tensor?
    try network.eachLayer(patches, positions: positions, through: depth) { layer, tokens in
      guard layer > depth - layers else { return }
      let normed = try plainNorm(tokens)
      sum = try sum.map { try add($0, normed) } ?? normed
    }
    guard let sum else { throw ShapeError("targets", "no layers to average") }
    // The norm of a sum is that of the mean, with its ε as many times larger as variances are.
    return try plainNorm(sum, epsilon: plainNormEpsilon * Float(layers * layers))
  }
}

private let plainNormEpsilon: Float = 1e-5

/// LayerNorm without parameters, token by token.
func plainNorm(_ x: Tensor, epsilon: Float = plainNormEpsilon) throws -> Tensor {
  try layerNorm(x, scale: 1, epsilon: epsilon)
}

/// LayerNorm of x [..., C], times a number.
func layerNorm(_ x: Tensor, scale: Float, epsilon: Float) throws -> Tensor {
  let width = x.shape.last ?? 1
  return try layerNorm(
    x, weight: Tensor(shape: [width], values: [Float](repeating: scale, count: width)),
    bias: Tensor(shape: [width], values: [Float](repeating: 0, count: width)), epsilon: epsilon)
}
