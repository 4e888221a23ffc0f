import Compute
import Glibc
import Tensors

/// What is measured of a batch beside its loss. Similarities are mean cosines.
public struct BatchMetrics: Sendable, Equatable {
  public var loss = 0.0
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

  /// (mean cosine between different images, effective rank); nan where there are fewer than two.
  ///
  /// - Throws: `OutOfMemory`.
  func similarityAndRank() throws -> (similarity: Double, rank: Double) {
    let images = rows.reduce(0) { $0 + $1.shape[0] }
    guard images > 1, let width = rows.first?.shape[1] else { return (.nan, .nan) }
    try OutOfMemory.check(for: images * width, of: Float.self)
    let pooled = try Tensor(shape: [images, width], values: rows.flatMap(\.values))
    // Σ over ordered pairs of different images = ‖Σ unit vectors‖² − their number.
    let units = try normalize(pooled)
    let sum = try Buffer(count: width, repeating: 0)
    try addColumnSums(units.pointer, rows: images, width: width, into: sum.pointer)
    let all = sumOfSquares(sum.pointer, count: width)
    let own = sumOfSquares(units.pointer, count: units.count)
    return ((all - own) / Double(images * (images - 1)), try effectiveRank(pooled))
  }
}

/// exp of the entropy of the normalised singular values of x [rows, C], its columns centred: 1 where all rows lie on a
/// line (or are equal), at most min(rows − 1, C). nan where the values are not finite.
///
/// - Throws: `OutOfMemory`.
func effectiveRank(_ x: Tensor) throws -> Double {
  let (rows, width) = (x.shape[0], x.shape[1])
  // The values as doubles, a copy that LAPACK writes to, and its workspace.
  try OutOfMemory.check(for: 4 * rows * width, of: Double.self)
  var centred = x.values.map(Double.init)
  for channel in 0..<width {
    let column = stride(from: channel, to: centred.count, by: width)
    let mean = column.reduce(0) { $0 + centred[$1] } / Double(rows)
    for index in column { centred[index] -= mean }
  }
  guard let values = singularValues(centred, rows: rows, columns: width) else { return .nan }
  let total = values.reduce(0, +)
  guard total > 0 else { return 1 }
  return exp(-values.reduce(0) { $1 > 0 ? $0 + $1 / total * log($1 / total) : $0 })
}
