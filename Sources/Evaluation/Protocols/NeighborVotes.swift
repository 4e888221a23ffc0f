import Compute
import Files
import Glibc
import LatentMIM

/// DINO's k nearest neighbours (`knn`): each of the k training images nearest by cosine votes for its class with weight
/// exp(cosine/temperature); ties go to the lower class.
public struct WeightedNeighbors: LearningProtocol {
  public static let name = "knn"

  /// The numbers of neighbours to score, in one search.
  public var k: [Int]
  public var temperature: Double

  public init() { self.init(k: [10, 20, 100, 200]) }

  public init(k: [Int], temperature: Double = 0.07) {
    (self.k, self.temperature) = (k, temperature)
  }

  public init(json: JSONCursor) throws {
    try json.refuseKeys(otherThan: ["k", "temperature"])
    self.init()
    if let given = try json.optionalMember("k") {
      if case .array = given.value { k = try given.elements().map { try $0.int() } } else { k = [try given.int()] }
    }
    temperature = try json.optionalMember("temperature")?.double() ?? temperature
  }

  public var options: JSONValue { ["k": .array(k.map { .integer($0) }), "temperature": .number(temperature)] }

  /// The class token after the final norm.
  public static func features(for model: ModelConfiguration) -> FeatureProtocol {
    var wanted = FeatureProtocol.nearestNeighbor(for: model)
    (wanted.tap.normed, wanted.pooling) = (true, .cls)
    return wanted
  }

  /// Without the numbers of neighbours that the bank does not hold.
  public func reduced(toTraining count: Int) -> WeightedNeighbors {
    let possible = k.filter { $0 <= count }
    return WeightedNeighbors(k: possible.isEmpty ? k : possible, temperature: temperature)
  }

  public func check(trainingCount: Int) throws {
    guard !k.isEmpty else { throw Self.refused("k", "is empty, wanted numbers of neighbours") }
    if let bad = k.first(where: { $0 < 1 || $0 > trainingCount }) {
      throw EvaluationError.neighbors(k: bad, bank: trainingCount)
    }
    guard temperature > 0, temperature.isFinite else {
      throw Self.refused("temperature", "is \(temperature), wanted more than 0")
    }
  }

  /// - Returns: the accuracy with 20 neighbours where they are among `k`, else with the first number of `k`; all of
  ///   them by name.
  public func score(_ task: ClassificationTask, progress: EvaluationProgress) throws -> Score {
    let table = try nearestNeighbors(of: task.test, in: task.train, k: k.max() ?? 1)
    let predicted = k.map { k in
      (0..<task.test.count).map { query in
        weightedVote(
          task, rows: table.rows[table.of(query).prefix(k)], cosines: table.cosines[table.of(query).prefix(k)])
      }
    }
    let shown = k.firstIndex(of: 20) ?? 0
    let accuracies = predicted.map { task.accuracy(of: $0) }
    return Score(
      accuracy: accuracies[shown], parts: zip(k, accuracies).map { ("k = \($0)", $1) }, predictions: predicted[shown])
  }

  /// The class with the most weight. Weights are relative to the nearest's, which keeps them in range at any
  /// temperature.
  private func weightedVote(_ task: ClassificationTask, rows: ArraySlice<Int>, cosines: ArraySlice<Double>) -> Int {
    var weights = [Double](repeating: 0, count: task.classCount)
    let nearest = cosines.first ?? 0
    for (row, cosine) in zip(rows, cosines) { weights[task.trainClasses[row]] += exp((cosine - nearest) / temperature) }
    return firstLargest(weights)
  }
}

/// Plain k nearest neighbours (`knn_uniform`): each votes alike; ties go to the tied class of the nearest image.
public struct UniformNeighbors: LearningProtocol {
  public static let name = "knn_uniform"

  public var k: Int

  public init() { self.init(k: 20) }

  public init(k: Int) { self.k = k }

  public init(json: JSONCursor) throws {
    try json.refuseKeys(otherThan: ["k"])
    self.init(k: try json.optionalMember("k")?.int() ?? 20)
  }

  public var options: JSONValue { ["k": .integer(k)] }

  public static func features(for model: ModelConfiguration) -> FeatureProtocol {
    WeightedNeighbors.features(for: model)
  }

  public func check(trainingCount: Int) throws {
    guard k >= 1, k <= trainingCount else { throw EvaluationError.neighbors(k: k, bank: trainingCount) }
  }

  public func score(_ task: ClassificationTask, progress: EvaluationProgress) throws -> Score {
    let table = try nearestNeighbors(of: task.test, in: task.train, k: k)
    let predictions = (0..<task.test.count).map { query in
      let classes = table.rows[table.of(query)].map { task.trainClasses[$0] }
      var votes: [Int: Int] = [:]
      for voted in classes { votes[voted, default: 0] += 1 }
      let most = votes.values.max()
      return classes.first { votes[$0] == most } ?? 0
    }
    return Score(
      accuracy: task.accuracy(of: predictions), parts: [("k = \(k)", task.accuracy(of: predictions))],
      predictions: predictions)
  }
}

/// The index of the largest value, the first of equal ones.
func firstLargest(_ values: some Collection<Double>) -> Int {
  var best = (index: 0, value: -Double.infinity)
  for (index, value) in values.enumerated() where value > best.value { best = (index, value) }
  return best.index
}
