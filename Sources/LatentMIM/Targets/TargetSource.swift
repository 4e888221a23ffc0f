import Tensors

/// What predictions of a batch are held against.
struct Targets {
  /// [B, T, width].
  let values: Tensor
  /// [B, N, width]: what contrast tells predictions apart by, and B · T numbers of their own among them; nil: the
  /// targets themselves.
  var keys: (values: Tensor, own: [Int32])?
}

/// Where targets come from; one for each kind of them.
protocol TargetSource {
  /// - Parameters:
  ///   - images: [B, cropHeight, cropWidth, channels], normalised.
  ///   - views: for B images.
  func callAsFunction(_ images: Tensor, views: Views) throws -> Targets
}

/// The patches themselves, as the encoder would see them.
struct PixelTargets: TargetSource {
  let grid: PatchGrid

  func callAsFunction(_ images: Tensor, views: Views) throws -> Targets {
    Targets(values: try extractPatches(images, grid: grid, cells: views.target, offsets: views.offsets))
  }
}

extension ModelConfiguration {
  /// The width of a target: C, the teacher's, or the numbers of a patch's low-level target.
  var targetWidth: Int {
    guard targetDepth == 0 else { return teacherWidth ?? width }
    return switch lowLevelTarget {
    case .pixels: patchSize * patchSize * channels
    case .hog: GradientHistogramTargets.width(patchSize: patchSize, channels: channels)
    }
  }

  /// What is predicted where there are no latents.
  var lowLevelTargets: any TargetSource {
    switch lowLevelTarget {
    case .pixels: PixelTargets(grid: patchGrid)
    case .hog: GradientHistogramTargets(grid: patchGrid)
    }
  }
}
