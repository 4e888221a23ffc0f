import LatentMIM

/// Published protocols of label propagation.
public enum TrackingPreset: String, Sendable, CaseIterable {
  /// DINO's `eval_video_segmentation.py`.
  case dino
  /// Of "Space-Time Correspondence as a Contrastive Random Walk".
  case videowalk
  /// CropMAE's numbers in the same program.
  case cropmae
  /// DINOv3's notebook of segmentation tracking.
  case dinov3

  /// Its options, for the encoder of a model.
  ///
  /// DINO's program divides red by .228, where ImageNet's photographs have .229: `dino` does so for encoders whose
  /// pixels are normalised as ImageNet's, and takes others' own numbers.
  public func options(for model: ModelConfiguration) -> TrackingOptions {
    var options = TrackingOptions()
    switch self {
    case .dino:
      if model.std == [0.229, 0.224, 0.225] { options.std = [0.228, 0.224, 0.225] }
      return options
    case .videowalk, .cropmae:
      (options.fit, options.rounding, options.multiple) = (.height, .nearest, nil)
      options.maskSampling = .bilinear
      (options.context, options.padContext) = (20, true)
      (options.windowShape, options.firstFrameWindow) = (.openCircle, false)
      (options.upsample, options.rescale, options.keepTies) = (.bilinear, false, false)
      (options.window, options.k, options.temperature) = (12, 10, 0.05)
      guard self == .cropmae else { return options }
      (options.size, options.window, options.k, options.temperature) = ([480, 880], 20, 7, 0.7)
    case .dinov3:
      (options.side, options.rounding, options.multiple) = (960, .up, nil)
      (options.interpolation, options.windowShape) = (.bicubic, .circle)
      (options.temperature, options.upsample) = (0.2, .nearest)
    }
    return options
  }
}
