import Compute

/// Changed colours, as self-supervised methods see one of two views: colour jitter (brightness, contrast, saturation
/// and hue by random factors, in random order: torchvision's on Pillow images), then grey, then solarised, each with a
/// probability.
public struct Recoloring: LevelAugmentation, Equatable {
  /// Factors are uniform in 1 ± these, not below 0.
  public var brightness = 0.4
  public var contrast = 0.4
  public var saturation = 0.4
  /// The share of the colour circle that hues are turned by, at most ½, in either direction.
  public var hue = 0.1
  public var jitterProbability = 0.8
  public var grayProbability = 0.2
  public var solarizeProbability = 0.2

  public init() {}

  /// - Throws: `ImageError.option` for what is out of range.
  public func check() throws {
    let shares = [hue * 2, jitterProbability, grayProbability, solarizeProbability]
    guard shares.allSatisfy({ 0...1 ~= $0 }), [brightness, contrast, saturation].allSatisfy({ 0...100 ~= $0 }) else {
      throw ImageError.option(
        "recolouring: brightness \(brightness), contrast \(contrast), saturation \(saturation) (wanted 0 … 100), hue \(hue) "
          + "(0 … 0.5), probabilities \(jitterProbability), \(grayProbability), \(solarizeProbability) (0 … 1)")
    }
  }

  public func sample(_ random: RandomStream) -> [ImageOperation] {
    let (whether, words) = (random.words(at: 0), random.words(at: 1))
    var operations: [ImageOperation] = []
    if uniform(whether.0) < jitterProbability {
      func factor(_ range: Double, _ word: UInt32) -> Float {
        Float(uniform(word, in: max(0, 1 - range)...(1 + range)))
      }
      let changes: [ImageOperation] = [
        .brightness(factor(brightness, words.0)), .contrast(factor(contrast, words.1)),
        .color(factor(saturation, words.2)), .hue(hue * (2 * uniform(words.3) - 1)),
      ]
      let order = random.words(at: 2)
      var left = changes
      for word in [order.0, order.1, order.2] {
        operations.append(left.remove(at: choice(word, of: left.count)))
      }
      operations += left
    }
    if uniform(whether.1) < grayProbability { operations.append(.gray) }
    if uniform(whether.2) < solarizeProbability { operations.append(.solarize(threshold: 128)) }
    return operations
  }
}
