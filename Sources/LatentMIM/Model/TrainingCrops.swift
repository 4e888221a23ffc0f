import Files
import Tensors

/// What the loss of a batch is computed from.
public struct TrainingCrops {
  /// [B, cropHeight, cropWidth, channels], normalised.
  public var images: Tensor
  /// For B images.
  public var views: Views
  /// The same crops as the target encoder sees them, where `target_view` is `recolored`.
  public var targetImages: Tensor?
  /// Other crops of the same images, with views of their own, where crops are contrasted.
  public var second: (images: Tensor, views: Views)?

  public init(
    _ images: Tensor, views: Views, targetImages: Tensor? = nil, second: (images: Tensor, views: Views)? = nil
  ) {
    (self.images, self.views, self.targetImages, self.second) = (images, views, targetImages, second)
  }

  /// - Throws: `ShapeError`, `ViewsError`, `NonFiniteError`, `ConfigurationError` where a part is missing that the
  ///   configuration asks for, or one is there that it does not.
  func validate(_ configuration: ModelConfiguration) throws {
    guard (targetImages != nil) == (configuration.targetView == .recolored) else {
      throw ConfigurationError(
        "target_view",
        "is '\(configuration.targetView.rawValue)' and images for the target encoder are \(targetImages == nil ? "missing" : "given")"
      )
    }
    guard (second != nil) == (configuration.contrastCoefficient > 0) else {
      throw ConfigurationError(
        "contrast_coefficient",
        "is \(configuration.contrastCoefficient) and second crops are \(second == nil ? "missing" : "given")")
    }
    try check(images, views, configuration, "images")
    if let targetImages { try check(targetImages, views, configuration, "target images") }
    if let second { try check(second.images, second.views, configuration, "second images") }
    if let second, second.views.batch != views.batch {
      throw ShapeError("loss", "there are \(views.batch) crops and \(second.views.batch) second ones")
    }
  }

  private func check(_ images: Tensor, _ views: Views, _ configuration: ModelConfiguration, _ name: String) throws {
    try views.validate(configuration)
    let wanted = [views.batch, configuration.cropHeight, configuration.cropWidth, configuration.channels]
    guard images.shape == wanted else {
      throw ShapeError("loss", "\(name) have shape \(images.shape), wanted \(wanted) for \(views.batch) views")
    }
    try requireFinite(images, name: name)
  }
}
