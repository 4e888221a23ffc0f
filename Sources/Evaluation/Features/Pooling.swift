import Compute

/// What can be wrong with a pooling or with what it is applied to.
public enum PoolingError: DescribedError, Equatable {
  /// The tokens are not [batch, patches + 1, width] with all of them at least 1.
  case tokens(found: Int, batch: Int, patches: Int, width: Int)
  /// The class token was asked for where there is none.
  case noClassToken
  /// k is not 1 … the number of patch tokens.
  case topK(Int, patches: Int)

  public var kind: ErrorKind { .value }

  public var description: String {
    switch self {
    case .tokens(let found, let batch, let patches, let width):
      "pooling: \(found) values do not make tokens [\(batch), \(patches) + 1, \(width)] with sides of at least 1"
    case .noClassToken: "pooling: 'cls' of an encoder without class token; wanted mean, max or topk_mean"
    case .topK(let k, let patches):
      "pooling: topk_mean with k = \(k) on \(patches) patch tokens; wanted 1 … \(patches)"
    }
  }
}

/// The poolings by name.
public enum PoolingKind: String, Sendable, CaseIterable {
  case mean
  case cls
  case max
  case topKMean = "topk_mean"
  case patches
  case tokens
}

/// How the tokens of an image become one vector.
public enum Pooling: Equatable, Sendable, CustomStringConvertible {
  /// The mean of the patch tokens.
  case mean
  /// The class token.
  case cls
  /// Each channel's largest value over the patch tokens.
  case max
  /// Each channel's mean of its k largest values over the patch tokens (k = 1 is `max`, k = N is `mean`; paper, A.2: k
  /// = 10).
  case topKMean(k: Int)
  /// The patch tokens one behind the other: nothing is pooled.
  case patches
  /// The same, the class token first where there is one.
  case tokens

  /// - Parameter k: of `topk_mean`.
  public init(_ kind: PoolingKind, k: Int = 10) {
    switch kind {
    case .mean: self = .mean
    case .cls: self = .cls
    case .max: self = .max
    case .topKMean: self = .topKMean(k: k)
    case .patches: self = .patches
    case .tokens: self = .tokens
    }
  }

  public var kind: PoolingKind {
    switch self {
    case .mean: .mean
    case .cls: .cls
    case .max: .max
    case .topKMean: .topKMean
    case .patches: .patches
    case .tokens: .tokens
    }
  }

  /// Its name, with k where it has one: "topk_mean 10".
  public var description: String {
    if case .topKMean(let k) = self { "topk_mean \(k)" } else { kind.rawValue }
  }

  /// Numbers in the vector of an image with so many patches.
  public func width(patches: Int, channels: Int, hasClassToken: Bool) -> Int {
    switch self {
    case .mean, .cls, .max, .topKMean: channels
    case .patches: patches * channels
    case .tokens: (patches + (hasClassToken ? 1 : 0)) * channels
    }
  }

  /// Pools a batch.
  ///
  /// - Parameters:
  ///   - tokens: [batch, patches + 1, width], row-major, the class token first; [batch, patches, width] where there is
  ///     none.
  ///   - patches: patch tokens an image has, N.
  ///   - hasClassToken: whether there is one.
  /// - Returns: [batch, width], or as wide as `width(patches:channels:hasClassToken:)` says.
  /// - Throws: `PoolingError` when sizes do not agree, k is not 1 … N, or a class token is wanted and there is none;
  ///   `OutOfMemory`.
  public func callAsFunction(
    _ tokens: UnsafeBufferPointer<Float>, batch: Int, patches: Int, width: Int, hasClassToken: Bool = true
  ) throws -> Buffer {
    let leading = hasClassToken ? 1 : 0
    let (rows, overflows) = patches.addingReportingOverflow(leading)
    guard batch >= 1, patches >= 1, width >= 1, !overflows, elementCount([batch, rows, width]) == tokens.count,
      let start = tokens.baseAddress
    else { throw PoolingError.tokens(found: tokens.count, batch: batch, patches: patches, width: width) }
    guard hasClassToken || self != .cls else { throw PoolingError.noClassToken }
    if case .topKMean(let k) = self, k < 1 || k > patches { throw PoolingError.topK(k, patches: patches) }
    let size = self.width(patches: patches, channels: width, hasClassToken: hasClassToken)
    let pooled = try Buffer(count: batch * size)
    parallel(batch) { image in
      let image = (tokens: start + image * rows * width, pooled: pooled.pointer + image * size)
      let first = image.tokens + leading * width
      switch self {
      case .cls, .tokens: image.pooled.update(from: image.tokens, count: size)
      case .patches: image.pooled.update(from: first, count: size)
      case .mean: columnMeans(first, rows: patches, width: width, into: image.pooled)
      case .max: largestMeans(first, patches, width, 1, into: image.pooled)
      case .topKMean(let k): largestMeans(first, patches, width, k, into: image.pooled)
      }
    }
    return pooled
  }
}

/// The mean of each channel's k largest values; NaN where one of its values is.
private func largestMeans(
  _ patches: UnsafePointer<Float>, _ count: Int, _ width: Int, _ k: Int, into place: UnsafeMutablePointer<Float>
) {
  for channel in 0..<width {
    var sum = 0.0
    withLargest(patches + channel, count, width, k) { sum += Double($1) }
    place[channel] = Float(sum / Double(k))
  }
}
