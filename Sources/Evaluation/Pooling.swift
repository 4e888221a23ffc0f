import Compute

/// What can be wrong with a pooling or with what it is applied to.
public enum PoolingError: DescribedError, Equatable {
  /// No pooling has this name.
  case unknown(String)
  /// The tokens are not [batch, patches + 1, width] with all of them at least 1.
  case tokens(found: Int, batch: Int, patches: Int, width: Int)
  /// The class token was asked for where there is none.
  case noClassToken
  /// Top-k wants a k from 1 to the number of patch tokens.
  case topK(Int, patches: Int)

  public var kind: ErrorKind { .value }

  public var description: String {
    switch self {
    case .unknown(let name): "pooling: '\(name)' is unknown; known are cls, mean, max, topk_mean"
    case .tokens(let found, let batch, let patches, let width):
      "pooling: \(found) values do not make tokens [\(batch), \(patches) + 1, \(width)] with sides of at least 1"
    case .noClassToken: "pooling: 'cls' of an encoder without class token; wanted mean, max or topk_mean"
    case .topK(let k, let patches):
      "pooling: topk_mean with k = \(k) on \(patches) patch tokens; wanted 1 to \(patches)"
    }
  }
}

/// How the tokens of an image become one feature.
public enum Pooling: Equatable, Sendable, CustomStringConvertible {
  /// The class token.
  case cls
  /// The mean of the patch tokens.
  case mean
  /// Each channel's largest value over the patch tokens.
  case max
  /// Each channel's mean of its k largest values over the patch tokens (k = 1 is `max`, k = N is `mean`; paper, A.2: k
  /// = 10).
  case topKMean(k: Int)

  /// The pooling of a configuration: `cls`, `mean`, `max` or `topk_mean`, which takes `k`.
  ///
  /// - Throws: `PoolingError.unknown`.
  public init(name: String, k: Int = 10) throws {
    switch name {
    case "cls": self = .cls
    case "mean": self = .mean
    case "max": self = .max
    case "topk_mean": self = .topKMean(k: k)
    default: throw PoolingError.unknown(name)
    }
  }

  /// Its name, with k where it has one: "topk_mean 10".
  public var description: String {
    switch self {
    case .cls: "cls"
    case .mean: "mean"
    case .max: "max"
    case .topKMean(let k): "topk_mean \(k)"
    }
  }

  /// Pools a batch.
  ///
  /// - Parameters:
  ///   - tokens: [batch, patches + 1, width], row-major, the class token first; [batch, patches, width] where there is
  ///     none.
  ///   - patches: patch tokens an image has, N.
  ///   - hasClassToken: whether there is one.
  /// - Returns: [batch, width].
  /// - Throws: `PoolingError` when sizes do not agree, k is not 1 to N, or a class token is wanted and there is none.
  public func callAsFunction(
    _ tokens: UnsafeBufferPointer<Float>, batch: Int, patches: Int, width: Int, hasClassToken: Bool = true
  ) throws -> [Float] {
    let leading = hasClassToken ? 1 : 0
    let (perImage, imageOverflows) = patches.addingReportingOverflow(leading).partialValue
      .multipliedReportingOverflow(by: width)
    let (size, overflows) = perImage.multipliedReportingOverflow(by: batch)
    guard batch >= 1, patches >= 1, width >= 1, !imageOverflows, !overflows, size == tokens.count else {
      throw PoolingError.tokens(found: tokens.count, batch: batch, patches: patches, width: width)
    }
    guard hasClassToken || self != .cls else { throw PoolingError.noClassToken }
    if case .topKMean(let k) = self, k < 1 || k > patches { throw PoolingError.topK(k, patches: patches) }
    var pooled = [Float](repeating: 0, count: batch * width)
    pooled.withUnsafeMutableBufferPointer { pooled in
      parallel(batch) { image in
        let start = image * perImage
        for channel in 0..<width {
          pooled[image * width + channel] = pool(
            ChannelOfTokens(
              tokens: tokens, start: start + channel, width: width, patches: patches, leading: leading))
        }
      }
    }
    return pooled
  }

  private func pool(_ channel: ChannelOfTokens) -> Float {
    switch self {
    case .cls: channel.ofClassToken
    case .mean: channel.mean
    case .max: channel.meanOfLargest(1)
    case .topKMean(let k): channel.meanOfLargest(k)
    }
  }
}

/// One channel of one image's tokens.
private struct ChannelOfTokens {
  let tokens: UnsafeBufferPointer<Float>
  let start: Int
  let width: Int
  let patches: Int
  /// Tokens in front of the patches: 1 or 0.
  let leading: Int

  var ofClassToken: Float { tokens[start] }

  subscript(patch: Int) -> Float { tokens[start + (patch + leading) * width] }

  var mean: Float {
    var sum = 0.0
    for patch in 0..<patches { sum += Double(self[patch]) }
    return Float(sum / Double(patches))
  }

  /// Keeps the k largest in descending order: most values are below the last of them and cost one comparison. NaN where
  /// one of the values is.
  func meanOfLargest(_ k: Int) -> Float {
    withUnsafeTemporaryAllocation(of: Float.self, capacity: k) { largest in
      for patch in 0..<patches {
        let value = self[patch]
        if value.isNaN { return value }
        var place = min(patch, k)
        if place == k, !(value > largest[k - 1]) { continue }
        place = min(place, k - 1)
        while place > 0, largest[place - 1] < value {
          largest[place] = largest[place - 1]
          place -= 1
        }
        largest[place] = value
      }
      return Float(largest.reduce(0.0) { $0 + Double($1) } / Double(k))
    }
  }
}
