import Compute
import Glibc

/// Random erasing (Zhong et al. 2020), each pixel by noise: a part of 2 … 33 % of the area and a ratio of 0.3 … 3.3,
/// both sides smaller than the image's; ten draws, nothing where none fits.
public struct RandomErasing: Sendable, Equatable {
  public let probability: Double

  /// - Parameter probability: 0 … 1, of erasing a part of an image.
  /// - Throws: `ImageError.option`.
  public init(probability: Double) throws {
    guard 0...1 ~= probability else {
      throw ImageError.option("random erasing: probability \(probability), wanted a number in 0 … 1")
    }
    self.probability = probability
  }

  private static let area = 0.02...(1.0 / 3)
  private static let logRatio = log(0.3)...(-log(0.3))
  fileprivate static let draws = 10

  /// What is erased of an image of this size; nil: nothing.
  func sample(height: Int, width: Int, _ random: RandomStream) -> ErasedPart? {
    guard uniform(random.words(at: 0).0) < probability else { return nil }
    for draw in 1...Self.draws {
      let words = random.words(at: draw)
      let area = uniform(words.0, in: Self.area) * Double(height * width)
      let ratio = exp(uniform(words.1, in: Self.logRatio))
      let (h, w) = (Int((area * ratio).squareRoot().rounded()), Int((area / ratio).squareRoot().rounded()))
      guard 1..<height ~= h, 1..<width ~= w else { continue }
      let top = choice(words.2, of: height - h + 1)
      let left = choice(words.3, of: width - w + 1)
      return ErasedPart(box: PixelRectangle(top: top, left: left, height: h, width: w), noise: random)
    }
    return nil
  }
}

/// A part of a crop that noise replaces, standard normal in every channel of every pixel.
public struct ErasedPart: Sendable, Equatable {
  public let box: PixelRectangle
  let noise: RandomStream

  /// Overwrites the part in normalised values [height, width, channels].
  func fill(_ values: UnsafeMutablePointer<Float>, width: Int, channels: Int) {
    var draw = RandomErasing.draws + 1
    for row in box.top..<(box.top + box.height) {
      for index in ((row * width + box.left) * channels)..<((row * width + box.left + box.width) * channels) {
        values[index] = noise.normal(at: draw)
        draw += 1
      }
    }
  }
}
