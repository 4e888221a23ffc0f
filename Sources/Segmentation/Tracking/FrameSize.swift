/// Height and width in pixels.
struct FrameSize: Equatable, Sendable {
  var height: Int
  var width: Int
}

extension TrackingOptions {
  /// The size that features of a frame are computed at: multiples of the patch size.
  ///
  /// The side that `fit` names becomes the multiple of the patch size next to `side`, and the other one, in the frame's
  /// ratio to it, a multiple of `multiple`; of what the patch size does not divide, the largest multiple of the patch
  /// size below it serves (56 for 64 and patches of 14).
  func networkSize(of frame: FrameSize, patchSize: Int) -> FrameSize {
    if let size {
      return FrameSize(
        height: rounded(size[0], over: 1, to: patchSize), width: rounded(size[1], over: 1, to: patchSize))
    }
    let fitted = rounded(side, over: 1, to: patchSize)
    let multiple = max((multiple ?? patchSize) / patchSize, 1) * patchSize
    if fit == .short, frame.height > frame.width {
      return FrameSize(height: rounded(frame.height * fitted, over: frame.width, to: multiple), width: fitted)
    }
    return FrameSize(height: fitted, width: rounded(frame.width * fitted, over: frame.height, to: multiple))
  }

  /// length / divisor as a multiple of `step`, at least once.
  private func rounded(_ length: Int, over divisor: Int, to step: Int) -> Int {
    let unit = divisor * step
    switch rounding {
    case .down: return max(length / unit, 1) * step
    case .nearest: return max((2 * length + unit) / (2 * unit), 1) * step
    case .up: return (length + unit - 1) / unit * step
    }
  }
}
