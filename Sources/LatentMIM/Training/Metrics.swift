import Compute
import Tensors

/// What is measured of a batch beside its loss. Similarities are mean cosines.
public struct BatchMetrics: Sendable, Equatable {
  public var loss = 0.0
  /// The objective's share of it: without the similarity constraint, and without the contrast of crops.
  public var objectiveLoss = 0.0
  /// Between the patches of one image, each with itself included: predictions, (projected) visible tokens, targets.
  public var similarityPredictions = 0.0
  public var similarityVisible = 0.0
  public var similarityTargets = 0.0
  /// Between the images' mean-pooled (projected) visible tokens, pairs of different images: 1 is collapse. nan for one
  /// image.
  public var similarityImages = 0.0
  /// Effective rank of those: how many directions they spread over.
  public var effectiveRank = 0.0

  public init() {}

  /// Each by its name in logs; another one is another line here.
  private nonisolated(unsafe) static let list: [(name: StaticString, value: WritableKeyPath<BatchMetrics, Double>)] = [
    ("loss", \.loss),
    ("objective_loss", \.objectiveLoss),
    ("similarity_predictions", \.similarityPredictions),
    ("similarity_visible", \.similarityVisible),
    ("similarity_targets", \.similarityTargets),
    ("similarity_images", \.similarityImages),
    ("effective_rank", \.effectiveRank),
  ]

  /// All of them by name.
  public var named: [Metric] { Self.list.map { Metric($0.name, self[keyPath: $0.value]) } }

  /// Metrics that somebody kept by name; nan for what he did not.
  public init(value: (String) -> Double?) {
    for entry in Self.list { self[keyPath: entry.value] = value("\(entry.name)") ?? .nan }
  }
}

/// One number that was measured, by its name in logs.
public struct Metric: Sendable {
  public let name: StaticString
  public let value: Double
  /// Whether it counts something: steps, epochs.
  public let isCount: Bool

  public init(_ name: StaticString, _ value: Double) { (self.name, self.value, isCount) = (name, value, false) }
  public init(_ name: StaticString, count: Int) { (self.name, value, isCount) = (name, Double(count), true) }
}

/// The mean-pooled tokens of images, collected over the parts of a batch, and how they lie to each other.
struct PooledTokens {
  private var rows: [Tensor] = []

  /// - Parameter tokens: [B, N, C].
  /// - Throws: `OutOfMemory`.
  mutating func add(_ tokens: Tensor) throws { rows.append(try tokenMeans(tokens)) }

  /// Those of a whole batch, from those of its parts that this rank has.
  ///
  /// - Throws: `OutOfMemory`, what the communicator throws.
  func gathered(_ ranks: Ranks) throws -> PooledTokens {
    guard let shape = rows.first?.shape else { return self }
    var all = PooledTokens()
    all.rows = try ranks.gatherParts(rows.map(\.values)).map { try Tensor(shape: shape, values: $0) }
    return all
  }

  /// (mean cosine between different images, effective rank); nan where there are fewer than two.
  ///
  /// - Throws: `OutOfMemory`.
  func similarityAndRank() throws -> (similarity: Double, rank: Double) {
    let images = rows.reduce(0) { $0 + $1.shape[0] }
    guard images > 1, let width = rows.first?.shape[1] else { return (.nan, .nan) }
    try OutOfMemory.check(for: images * width, of: Float.self)
    let pooled = try Tensor(shape: [images, width], values: rows.flatMap(\.values))
    return (try rowSimilarity(pooled), try Spectrum(pooled, isCentred: true)?.effectiveRank ?? .nan)
  }
}
