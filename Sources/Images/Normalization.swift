/// Per channel: (x − mean) / std, for x in 0 … 1.
public struct Normalization: Sendable, Equatable {
  public let mean: [Float]
  public let std: [Float]

  /// - Parameters:
  ///   - mean: one value a channel, 0 … 1 as pixels are.
  ///   - std: one value a channel, above 0 and at most 1.
  /// - Throws: `ImageError.option`.
  public init(mean: [Float], std: [Float]) throws {
    guard !mean.isEmpty, mean.count == std.count else {
      throw ImageError.option(
        "normalisation: \(mean.count) means and \(std.count) standard deviations, wanted one of each a channel")
    }
    guard mean.allSatisfy({ 0...1 ~= $0 }), std.allSatisfy({ $0 > 0 && $0 <= 1 }) else {
      throw ImageError.option(
        "normalisation: mean \(mean), std \(std): wanted means in 0 … 1 and standard deviations in 0 < … 1, as pixels are in 0 … 1"
      )
    }
    self.init(unchecked: mean, std)
  }

  private init(unchecked mean: [Float], _ std: [Float]) {
    self.mean = mean
    self.std = std
  }

  /// The mean and std of ImageNet's photographs, for RGB.
  public static let imageNet = Normalization(unchecked: [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])

  /// ImageNet's for three channels, mean 0.5 and std 0.5 (values −1 … 1) for any other number.
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
