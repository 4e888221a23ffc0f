import Compute
import Evaluation
import Files
import TestSupport
import Testing

@Suite struct NeighborTests {
  /// Row numbers by cosine in double precision, the lowest first where equal.
  private func ranking(_ bank: LabelledFeatures, _ queries: LabelledFeatures, _ query: Int) -> [Int] {
    let width = bank.width
    func row(_ set: LabelledFeatures, _ index: Int) -> [Double] {
      let values = Array(set.values[(index * width)..<((index + 1) * width)]).rowsOfUnitLength(width: width)
      return values.doubled
    }
    let sought = row(queries, query)
    let cosines = (0..<bank.count).map { index in zip(sought, row(bank, index)).reduce(0) { $0 + $1.0 * $1.1 } }
    return (0..<bank.count).sorted { (cosines[$1], $0) < (cosines[$0], $1) }
  }

  @Test(arguments: [(1, 1, 1), (17, 3, 5), (177, 35, 20), (5000, 17, 200), (700, 64, 700)])
  func findsTheNearest(_ size: (Int, Int, Int)) throws {
    let (count, width, k) = size
    let bank = try labelled(randomValues(count * width, seed: 1), width: width, Array(repeating: 0, count: count))
    let queries = try labelled(randomValues(11 * width, seed: 2), width: width, Array(repeating: 0, count: 11))
    let found = try nearestNeighbors(of: queries, in: bank, k: k)
    for query in 0..<11 {
      #expect(found.rows(of: query).map { Int($0) } == Array(ranking(bank, queries, query).prefix(k)))
    }
  }

  /// Rows whose cosines differ by less than a product in float32 can tell.
  @Test func whatRoundingHidesIsOrdered() throws {
    let (count, width) = (700, 33)
    let row = randomValues(width, seed: 5)
    let changes = randomValues(count * width, seed: 6, in: -1e-6...1e-6)
    let bank = try labelled(
      changes.indices.map { row[$0 % width] + changes[$0] }, width: width, Array(repeating: 0, count: count))
    let query = try labelled(row, width: width, [0])
    #expect(try nearestNeighbors(of: query, in: bank, k: 9).allRows == Array(ranking(bank, query, 0).prefix(9)))
  }

  /// Copies of one row lie everywhere in the bank, where a matrix product rounds them differently.
  @Test func copiesTieExactlyAndTheLowestComesFirst() throws {
    let (count, width) = (9001, 37)
    let row = randomValues(width, seed: 5)
    var vectors = randomValues(count * width, seed: 6, in: -0.1...0.1)
    let copies = stride(from: 3, to: count, by: 7).map { $0 }
    for copy in copies { for channel in 0..<width { vectors[copy * width + channel] = row[channel] } }
    let bank = try labelled(vectors, width: width, Array(repeating: 0, count: count))
    let query = try labelled(row, width: width, [0])
    #expect(try nearestNeighbors(of: query, in: bank, k: 200).allRows == Array(copies.prefix(200)))
  }

  @Test func aCollapsedBankIsInOrder() throws {
    let bank = try labelled(Array(repeating: 0.3, count: 3000), width: 3, Array(repeating: 0, count: 1000))
    let zeros = try labelled([0, 0, 0], width: 3, [0])
    #expect(try nearestNeighbors(of: bank, in: bank, k: 5).allRows == (0..<1000).flatMap { _ in 0..<5 })
    #expect(try nearestNeighbors(of: zeros, in: bank, k: 3).allRows == [0, 1, 2])
  }

  @Test func votesAreWeighted() throws {
    // Cosines 1, 0.8, 0.8, 0.6 of classes 0, 1, 1, 2.
    let train = try labelled([1, 0, 0.8, 0.6, 0.8, -0.6, 0.6, 0.8], width: 2, [0, 1, 1, 2])
    let test = try labelled([2, 0], width: 2, [1], set: "test")
    for (temperature, label) in [(0.07, 0), (1.0, 1)] {
      let found = try WeightedNeighbors(k: [1, 3, 4], temperature: temperature).score((train, test))
      #expect(found.predictions == [0], "of the first k")
      #expect(found.parts.map(\.accuracy) == [0, label == 1 ? 1 : 0, label == 1 ? 1 : 0])
    }
    let twenty = try WeightedNeighbors(k: [1, 3], temperature: 1).score((train, test))
    #expect(twenty.parts.map(\.name) == ["k = 1", "k = 3"])
    #expect(twenty.accuracy == 0)
    // A temperature at which exp(cosine/temperature) overflows.
    let other = try labelled([1, 0, 0.8, 0.6, 0.8, -0.6, 0.6, 0.8], width: 2, [2, 1, 1, 0])
    #expect(try WeightedNeighbors(k: [4], temperature: 1e-4).score((other, test)).predictions == [2])
  }

  @Test func equalVotesGoToTheLowerClassOrToTheNearest() throws {
    let train = try labelled([1, 0, 1, 0, 0, 1, 0, 1], width: 2, [7, 3, 3, 7])
    let test = try labelled([5, 0, 0, 5, 1, 1], width: 2, [3, 3, 3], set: "test")
    #expect(try WeightedNeighbors(k: [4]).score((train, test)).predictions == [3, 3, 3])
    #expect(try WeightedNeighbors(k: [1]).score((train, test)).predictions == [7, 3, 7])
    #expect(try UniformNeighbors(k: 4).score((train, test)).predictions == [7, 3, 7])
    #expect(try UniformNeighbors(k: 3).score((train, test)).predictions == [3, 7, 3])
  }

  @Test func threadsDoNotMatter() throws {
    let sets = try clusters(train: 3000, test: 300, width: 33, classes: 7)
    var found: [[Int]] = []
    try Machine.onEachThreadCount { _ in
      found.append(try nearestNeighbors(of: sets.test, in: sets.train, k: 50).allRows)
    }
    #expect(found[0] == found[1] && found[1] == found[2])
  }

  @Test func refusesBadInput() throws {
    let sets = try clusters(train: 30, test: 4, width: 3, classes: 2)
    #expect(throws: EvaluationError.neighbors(k: 31, bank: 30)) { try WeightedNeighbors(k: [10, 31]).score(sets) }
    #expect(throws: EvaluationError.neighbors(k: 31, bank: 30)) { try UniformNeighbors(k: 31).score(sets) }
    for k in [0, -1, .max] {
      #expect(throws: ConfigurationError.self) { try WeightedNeighbors(k: [10, k]).score(sets) }
      #expect(throws: ConfigurationError.self) { try UniformNeighbors(k: k).score(sets) }
    }
    for temperature in [0, -1, .nan, .infinity] {
      #expect(throws: ConfigurationError.self) { try WeightedNeighbors(k: [1], temperature: temperature).score(sets) }
    }
    #expect(throws: ConfigurationError.self) { try WeightedNeighbors(k: []).score(sets) }
    #expect(throws: EvaluationError.widths(train: 3, test: 2)) {
      try UniformNeighbors(k: 1).score((sets.train, labelled([1, 2], width: 2, [0])))
    }
    #expect(throws: EvaluationError.unknownClass("9")) {
      try UniformNeighbors(k: 1).score((sets.train, labelled([1, 2, 3], width: 3, [9])))
    }
    #expect(throws: EvaluationError.noTrainingSet(scoring: "knn")) {
      try evaluate(train: nil, test: sets.test, tap: "", WeightedNeighbors())
    }
  }
}
