import Compute

/// RandAugment (Cubuk et al. 2019) as timm's `rand-m9-mstd0.5-inc1`: operations drawn with replacement from fifteen,
/// each done with a probability, at a normally distributed magnitude that is clipped to 0 … 10; the larger, the
/// stronger.
public struct RandAugment: LevelAugmentation, Equatable {
  public let magnitude: Double
  public let std: Double
  /// Operations drawn for an image.
  public let count: Int
  public let probability: Double
  /// One of them is drawn for every operation that moves pixels.
  public let samplings: [ImageOperation.Sampling]

  /// `rand-m9-mstd0.5-inc1`.
  public static let standard = RandAugment(9, 0.5, 2, 0.5, ImageOperation.Sampling.allCases)

  private init(
    _ magnitude: Double, _ std: Double, _ count: Int, _ probability: Double,
    _ samplings: [ImageOperation.Sampling]
  ) {
    (self.magnitude, self.std, self.count, self.probability) = (magnitude, std, count, probability)
    self.samplings = samplings
  }

  /// - Parameters:
  ///   - magnitude: 0 … 10, its mean.
  ///   - std: of the magnitude, at least 0.
  ///   - probability: 0 … 1, of each operation drawn.
  ///   - samplings: at least one.
  /// - Throws: `ImageError.option`.
  public init(
    magnitude: Double = 9, std: Double = 0.5, count: Int = 2, probability: Double = 0.5,
    samplings: [ImageOperation.Sampling] = ImageOperation.Sampling.allCases
  ) throws {
    guard 0...10 ~= magnitude, std >= 0, std.isFinite, 0...1000 ~= count, 0...1 ~= probability,
      !samplings.isEmpty
    else {
      throw ImageError.option(
        "RandAugment: magnitude \(magnitude) (wanted 0 … 10), std \(std) (at least 0), \(count) operations "
          + "(0 … 1000), probability \(probability) (0 … 1), \(samplings.count) ways of sampling (at least 1)")
    }
    self.init(magnitude, std, count, probability, samplings)
  }

  public func sample(_ random: RandomStream) -> [ImageOperation] {
    var operations: [ImageOperation] = []
    for number in 0..<count {
      // Two draws an operation: which, whether, sign and sampling; the magnitude.
      let words = random.words(at: 2 * number)
      guard uniform(words.1) < probability else { continue }
      let level = min(max(magnitude + std * Double(random.normal(at: 2 * number + 1)), 0), 10)
      let sampling = samplings[choice(words.3, of: samplings.count)]
      let kind = Kind.allCases[choice(words.0, of: Kind.allCases.count)]
      operations.append(kind.operation(level / 10, isNegative: words.2 >> 31 == 1, sampling))
    }
    return operations
  }

  /// The fifteen operations.
  enum Kind: String, CaseIterable {
    case autoContrast, equalize, invert, rotate, posterize, solarize, solarizeAdd, color, contrast, brightness,
      sharpness,
      shearX, shearY, translateX, translateY

    /// The operation at a strength of 0 … 1; `isNegative` turns it round where it has two directions.
    func operation(_ strength: Double, isNegative: Bool, _ sampling: ImageOperation.Sampling) -> ImageOperation {
      let sign: Double = isNegative ? -1 : 1
      let factor = Float(max(0.1, 1 + sign * strength * 0.9))
      switch self {
      case .autoContrast: return .autoContrast
      case .equalize: return .equalize
      case .invert: return .invert
      case .rotate: return .rotate(degrees: sign * strength * 30, sampling)
      case .posterize: return .posterize(bits: 4 - Int(strength * 4))
      case .solarize: return .solarize(threshold: 256 - min(256, Int(strength * 256)))
      case .solarizeAdd: return .solarizeAdd(min(128, Int(strength * 110)))
      case .color: return .color(factor)
      case .contrast: return .contrast(factor)
      case .brightness: return .brightness(factor)
      case .sharpness: return .sharpness(factor)
      case .shearX: return .shearX(sign * strength * 0.3, sampling)
      case .shearY: return .shearY(sign * strength * 0.3, sampling)
      case .translateX: return .translateX(sign * strength * 0.45, sampling)
      case .translateY: return .translateY(sign * strength * 0.45, sampling)
      }
    }
  }
}
