import Compute
import Files
import Networks
import Tensors

/// What another encoder says of whole crops, resized so that each cell of the grid, gap included, becomes one of its
/// patches: the targets of masked prediction with a frozen teacher.
struct TeacherTargets: TargetSource {
  private let teacher: Encoder
  private let view: TeacherView
  private let norm: TargetNorm
  private let negatives: Negatives

  init(_ configuration: ModelConfiguration, _ teacher: Encoder) {
    (self.teacher, view) = (teacher, TeacherView(configuration, teacher.configuration))
    (norm, negatives) = (configuration.targetNorm, configuration.negatives)
  }

  func callAsFunction(_ images: Tensor, views: Views) throws -> Targets {
    try Computation.$current.withValue(Computation.current.ofTargets) {
      try Tape.pause {
        let tokens = try teacher.patchTokens(view(images))
        let all = norm == .layer ? try plainNorm(tokens) : tokens
        let values = try selectTokens(all, indices: views.target)
        return Targets(values: values, keys: negatives == .all ? (all, views.target) : nil)
      }
    }
  }
}

/// A random projection of patches, as the encoder sees them: targets that cost next to nothing.
struct ProjectionTargets: TargetSource {
  private let projection: TargetProjection
  private let grid: PatchGrid
  private let norm: TargetNorm
  private let sees: TargetInput
  private let negatives: Negatives

  init(_ configuration: ModelConfiguration, _ projection: TargetProjection) {
    (self.projection, grid) = (projection, configuration.patchGrid)
    (norm, sees, negatives) = (configuration.targetNorm, configuration.targetSees, configuration.negatives)
  }

  func callAsFunction(_ images: Tensor, views: Views) throws -> Targets {
    try Tape.pause {
      guard sees == .all else { return Targets(values: try latents(images, views, cells: views.target)) }
      let all = try latents(images, views, cells: grid.allCells(images: views.batch))
      let values = try selectTokens(all, indices: views.target)
      return Targets(values: values, keys: negatives == .all ? (all, views.target) : nil)
    }
  }

  private func latents(_ images: Tensor, _ views: Views, cells: [Int32]) throws -> Tensor {
    let patches = try extractPatches(images, grid: grid, cells: cells, offsets: views.offsets)
    let projected = try projection(patches)
    return norm == .layer ? try plainNorm(projected) : projected
  }
}

/// Where a teacher is wanted and none is there.
struct MissingTeacher: TargetSource {
  func callAsFunction(_ images: Tensor, views: Views) throws -> Targets {
    throw ConfigurationError("teacher", "is missing, and targets are its: wanted an encoder or its file")
  }
}
