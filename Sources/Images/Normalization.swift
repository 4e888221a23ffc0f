/// Per channel: (x − mean) / deviation, for x in 0 … 1.
public struct Normalization: Sendable, Equatable {
  public let mean: [Float]
  public let deviation: [Float]

  /// - Parameters:
  ///   - mean: one value a channel, 0 … 1 as pixels are.
  ///   - deviation: one value a channel, above 0 and at most 1.
  /// - Throws: `ImageError.option`.
  public init(mean: [Float], deviation: [Float]) throws {
    guard !mean.isEmpty, mean.count == deviation.count else {
      throw ImageError.option(
        "normalisation: \(mean.count) means and \(deviation.count) deviations, wanted is one of each a channel")
    }
    guard mean.allSatisfy({ 0...1 ~= $0 }), deviation.allSatisfy({ $0 > 0 && $0 <= 1 }) else {
      throw ImageError.option(
        "normalisation: mean \(mean), deviation \(deviation): wanted means in 0 … 1 and deviations in 0 < … 1, as pixels are in 0 … 1"
      )
    }
    self.init(unchecked: mean, deviation)
  }

  private init(unchecked mean: [Float], _ deviation: [Float]) {
    self.mean = mean
    self.deviation = deviation
  }

  /// The mean and deviation of ImageNet's photographs, for RGB.
  public static let imageNet = Normalization(unchecked: [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])

  /// ImageNet's for three channels, mean 0.5 and deviation 0.5 (values −1 … 1) for any other number.
  public static func standard(channels: Int) -> Normalization {
    guard channels != 3 else { return imageNet }
    let half = [Float](repeating: 0.5, count: max(channels, 1))
    return Normalization(unchecked: half, half)
  }

  /// Leaves values in 0 … 1.
  public static func none(channels: Int) -> Normalization {
    let count = max(channels, 1)
    return Normalization(unchecked: Array(repeating: 0, count: count), Array(repeating: 1, count: count))
  }

  public var channels: Int { mean.count }
}
