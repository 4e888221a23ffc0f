/// Evaluation's view of an image: resized, perhaps cut to its centre, normalised; nothing random.
public struct EvaluationTransform: Sendable {
  /// Which part of the image is seen.
  public enum Framing: Sendable, Equatable {
    /// The short side becomes `resize` pixels, the long one keeps the ratio; the middle `crop` × `crop` pixels of that.
    case centerCrop(resize: Int, crop: Int)
    /// The whole image, whatever its ratio, becomes `height` × `width` pixels.
    case squash(height: Int, width: Int)
  }

  public let framing: Framing
  public let interpolation: Interpolation
  public let normalization: Normalization

  /// - Throws: `ImageError.size`, and `ImageError.option` where the crop is larger than the resized short side.
  public init(
    _ framing: Framing, interpolation: Interpolation = .bicubic, normalization: Normalization = .imageNet
  ) throws {
    self.framing = framing
    self.interpolation = interpolation
    self.normalization = normalization
    guard 1...65536 ~= height, 1...65536 ~= width else { throw ImageError.size(height: height, width: width) }
    if case .centerCrop(let resize, let crop) = framing, !(crop...65536 ~= resize) {
      throw ImageError.option(
        "centre crop of \(crop) pixels: the short side is resized to \(resize), wanted at least \(crop)")
    }
  }

  /// Output size in pixels.
  public var height: Int {
    switch framing {
    case .centerCrop(_, let crop): crop
    case .squash(let height, _): height
    }
  }
  public var width: Int {
    switch framing {
    case .centerCrop(_, let crop): crop
    case .squash(_, let width): width
    }
  }

  /// The part of an image of this size (in pixels, at least 1) that is seen: nil means all of it.
  public func box(height: Int, width: Int) -> SourceBox? {
    guard case .centerCrop(let resize, let crop) = framing, height > 0, width > 0 else { return nil }
    let short = min(height, width)
    func span(_ side: Int) -> (Double, Double) {
      // torchvision: int(size · long / short), then int(round((side − crop) / 2)), halves to even.
      let resized = side == short ? resize : Int(Double(resize) * Double(side) / Double(short))
      let start = (Double(resized - crop) / 2).rounded(.toNearestOrEven)
      let scale = Double(side) / Double(resized)
      return (start * scale, min((start + Double(crop)) * scale, Double(side)))
    }
    let (down, across) = (span(height), span(width))
    return SourceBox(top: down.0, left: across.0, bottom: down.1, right: across.1)
  }

  /// Writes the view of `image`: [height, width, C], float32.
  ///
  /// - Throws: `ImageError`, `OutOfMemory`.
  public func apply(to image: ImageSource, into output: UnsafeMutablePointer<Float>) throws {
    try Resampling(
      height: height, width: width, interpolation: interpolation, normalization: normalization,
      box: box(height: image.height, width: image.width)
    )(image, into: output)
  }
}
