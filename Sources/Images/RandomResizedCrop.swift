import Compute
import Glibc

/// A random part of an image: torchvision's RandomResizedCrop (Szegedy et al., "Going deeper with convolutions", 2015).
public struct RandomResizedCrop: Sendable, Equatable {
  /// What happens to a part that does not fit into the image.
  public enum Mismatch: String, Sendable {
    /// Ten draws; if none fits, the largest centre crop within the range of ratios (torchvision).
    case drawAgain = "draw_again"
    /// One draw, its sides cut to the image's (MAE's linear probe).
    case clip
  }

  /// The part's share of the image's area, uniform in this range.
  public let area: ClosedRange<Double>
  /// Width / height, log-uniform in this range.
  public let ratio: ClosedRange<Double>
  public let mismatch: Mismatch

  static let draws = 10

  /// - Throws: `ImageError.option` for ranges that are not within 0 < area ≤ 1 and 0 < ratio < ∞.
  public init(
    area: ClosedRange<Double> = 0.2...1, ratio: ClosedRange<Double> = 3 / 4...4 / 3, mismatch: Mismatch = .drawAgain
  )
    throws
  {
    guard area.lowerBound > 0, area.upperBound <= 1 else {
      throw ImageError.option(
        "crop area \(area.lowerBound) … \(area.upperBound): wanted a range within 0 < area ≤ 1")
    }
    guard ratio.lowerBound > 0, ratio.upperBound.isFinite else {
      throw ImageError.option("crop ratio \(ratio.lowerBound) … \(ratio.upperBound): wanted positive numbers")
    }
    self.init(unchecked: area, ratio, mismatch)
  }

  private init(unchecked area: ClosedRange<Double>, _ ratio: ClosedRange<Double>, _ mismatch: Mismatch) {
    (self.area, self.ratio, self.mismatch) = (area, ratio, mismatch)
  }

  /// Area 0.2 … 1, ratio ¾ … 4⁄3.
  public static let standard = RandomResizedCrop(unchecked: 0.2...1, 3 / 4...4 / 3, .drawAgain)

  /// The crop for an image of `height` × `width` pixels (both at least 1): draw i takes its numbers at position i.
  func sample(height: Int, width: Int, _ random: RandomStream) -> PixelRectangle {
    for draw in 0..<(mismatch == .drawAgain ? Self.draws : 1) {
      let numbers = random.words(at: draw)
      let target = Double(height * width) * uniform(numbers.0, in: area)
      let aspect = exp(uniform(numbers.1, in: log(ratio.lowerBound)...log(ratio.upperBound)))
      var w = pixels((target * aspect).squareRoot())
      var h = pixels((target / aspect).squareRoot())
      if mismatch == .clip { (w, h) = (min(max(w, 1), width), min(max(h, 1), height)) }
      guard 1...width ~= w, 1...height ~= h else { continue }
      return PixelRectangle(
        top: choice(numbers.2, of: height - h + 1), left: choice(numbers.3, of: width - w + 1), height: h, width: w)
    }
    return centerCrop(height: height, width: width)
  }

  private func centerCrop(height: Int, width: Int) -> PixelRectangle {
    var (h, w) = (height, width)
    let aspect = Double(width) / Double(height)
    if aspect < ratio.lowerBound { h = min(max(pixels(Double(width) / ratio.lowerBound), 1), height) }
    if aspect > ratio.upperBound { w = min(max(pixels(Double(height) * ratio.upperBound), 1), width) }
    return PixelRectangle(top: (height - h) / 2, left: (width - w) / 2, height: h, width: w)
  }

  /// Python's `round`, for numbers of any size.
  private func pixels(_ x: Double) -> Int { Int(min(x, 0x1p52).rounded(.toNearestOrEven)) }
}
