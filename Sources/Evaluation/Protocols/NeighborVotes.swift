import Compute
import Files
import Glibc
import LatentMIM

/// DINO's k nearest neighbours (`knn`): each of the k training images nearest by cosine votes for its class with weight
/// exp(cosine/temperature); ties go to the lower class.
public struct WeightedNeighbors: ScoringProtocol {
  public static let name = "knn"

  /// The numbers of neighbours to score, in one search; nil: those of 10, 20, 100 and 200 that the training set holds.
  public var k: [Int]?
  public var temperature = 0.07

  public static let options: [Option<Self>] = [
    Option("k", \.k, .optional(.oneOrMore(.integer(1...1_000_000_000)))),
    Option("temperature", \.temperature, .number(1e-6...1e6)),
  ]

  public init() {}

  public init(k: [Int], temperature: Double = 0.07) {
    (self.k, self.temperature) = (k, temperature)
  }

  /// The class token after the final norm.
  public static func features(for model: ModelConfiguration) -> FeatureProtocol {
    var wanted = FeatureProtocol.nearestNeighbor(for: model)
    (wanted.tap.normed, wanted.pooling) = (true, .cls)
    return wanted
  }

  /// With the numbers of neighbours that are scored.
  public func resolved(forTraining count: Int) -> WeightedNeighbors {
    let fitting = [10, 20, 100, 200].filter { $0 <= count }
    return WeightedNeighbors(k: k ?? (fitting.isEmpty ? [count] : fitting), temperature: temperature)
  }

  public func check(trainingCount: Int) throws {
    try checkRanges()
    guard let k else { return }
    guard !k.isEmpty else { throw Self.refused("k", "is empty, wanted numbers of neighbours") }
    if let bad = k.first(where: { $0 > trainingCount }) {
      throw EvaluationError.neighbors(k: bad, bank: trainingCount)
    }
  }

  public var scoring: Scoring { .sets { task, _ in try score(task) } }

  /// - Returns: the accuracy with 20 neighbours where they are among `k`, else with the first number of `k`; all of
  ///   them by name.
  private func score(_ task: ClassificationTask) throws -> ClassificationScore {
    let k = resolved(forTraining: task.train.count).k ?? []
    let table = try nearestNeighbors(of: task.test, in: task.train, k: k.max() ?? 1)
    let predicted = k.map { k in
      (0..<task.test.count).map { weightedVote(task, rows: table.rows(of: $0).prefix(k), table.cosines(of: $0)) }
    }
    let shown = k.firstIndex(of: 20) ?? 0
    let accuracies = predicted.map { task.classes.accuracy(of: $0) }
    return ClassificationScore(
      accuracy: accuracies[shown], parts: zip(k, accuracies).map { ("k = \($0)", $1) }, predictions: predicted[shown],
      images: task.test.images, of: task.classes)
  }

  /// The class with the most weight. Weights are relative to the nearest's, which keeps them in range at any
  /// temperature.
  private func weightedVote(
    _ task: ClassificationTask, rows: Slice<UnsafeBufferPointer<Int32>>, _ cosines: UnsafeBufferPointer<Double>
  ) -> Int {
    var weights = [Double](repeating: 0, count: task.classCount)
    let nearest = cosines.first ?? 0
    for (row, cosine) in zip(rows, cosines) {
      weights[task.trainClasses[Int(row)]] += exp((cosine - nearest) / temperature)
    }
    return firstLargest(weights)
  }
}

/// Plain k nearest neighbours (`knn_uniform`): each votes alike; ties go to the tied class of the nearest image.
public struct UniformNeighbors: ScoringProtocol {
  public static let name = "knn_uniform"

  /// nil: 20, or as many as the training set holds.
  public var k: Int?

  public static let options: [Option<Self>] = [Option("k", \.k, .optional(.integer(1...1_000_000_000)))]

  public init() {}

  public init(k: Int) { self.k = k }

  public static func features(for model: ModelConfiguration) -> FeatureProtocol {
    WeightedNeighbors.features(for: model)
  }

  public func resolved(forTraining count: Int) -> UniformNeighbors { UniformNeighbors(k: k ?? min(20, count)) }

  public func check(trainingCount: Int) throws {
    try checkRanges()
    guard let k, k > trainingCount else { return }
    throw EvaluationError.neighbors(k: k, bank: trainingCount)
  }

  public var scoring: Scoring { .sets { task, _ in try score(task) } }

  private func score(_ task: ClassificationTask) throws -> ClassificationScore {
    let k = resolved(forTraining: task.train.count).k ?? 1
    let table = try nearestNeighbors(of: task.test, in: task.train, k: k)
    let predictions = (0..<task.test.count).map { query in
      let classes = table.rows(of: query).map { task.trainClasses[Int($0)] }
      var votes: [Int: Int] = [:]
      for voted in classes { votes[voted, default: 0] += 1 }
      let most = votes.values.max()
      return classes.first { votes[$0] == most } ?? 0
    }
    let accuracy = task.classes.accuracy(of: predictions)
    return ClassificationScore(
      accuracy: accuracy, parts: [("k = \(k)", accuracy)], predictions: predictions, images: task.test.images,
      of: task.classes)
  }
}

/// The index of the largest value, the first of equal ones.
func firstLargest(_ values: some Collection<Double>) -> Int {
  var best = (index: 0, value: -Double.infinity)
  for (index, value) in values.enumerated() where value > best.value { best = (index, value) }
  return best.index
}
