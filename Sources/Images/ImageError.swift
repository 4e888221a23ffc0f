import Compute

/// What can be wrong with an image or with what is asked of it.
public enum ImageError: DescribedError, Equatable {
  /// The shape [H, W, C] (or [N, H, W, C]) is impossible or needs another number of elements than there are.
  case shape([Int], count: Int)
  /// The shape is [N, C, H, W], wanted [N, H, W, C].
  case channelsFirst([Int])
  /// A float32 value is not within 0 … 1.
  case value(Float)
  /// The part asked for is empty or leaves the image.
  case box(String, height: Int, width: Int)
  /// The size asked for cannot be made.
  case size(height: Int, width: Int)
  /// The image has another number of channels than its normalisation, or than the data set says.
  case channels(Int, wanted: Int)
  /// An option of a transform is out of range.
  case option(String)
  /// Sides or channels beyond what images have.
  case tooLarge([Int])
  /// The system has no memory for the pixels.
  case memory(bytes: Int)

  public var kind: ErrorKind {
    if case .memory = self { .memory } else { .value }
  }

  public var description: String {
    switch self {
    case .shape(let shape, let count):
      "shape \(shape) does not go with \(count) elements: dimensions must be positive, their product that count"
    case .channelsFirst(let shape):
      "shape \(shape) has channels before rows and columns, wanted [N, H, W, C]: in NumPy, np.moveaxis(images, -3, -1)"
    case .value(let value): "a float32 pixel is \(value), wanted values in 0 … 1 (uint8 images have 0 … 255)"
    case .box(let box, let height, let width): "\(box) is empty or not within the image of \(height)×\(width) pixels"
    case .size(let height, let width): "cannot resize to \(height)×\(width) pixels: sides are wanted in 1 … 65536"
    case .channels(let channels, let wanted):
      "the image has \(channels) channels, wanted \(wanted): does the normalisation have a mean for each?"
    case .option(let problem): problem
    case .tooLarge(let shape):
      "shape \(shape) is no images': wanted at most 2²⁴ pixels a side and 2¹⁶ channels"
    case .memory(let bytes): "out of memory: \(bytes) bytes wanted for pixels"
    }
  }
}
