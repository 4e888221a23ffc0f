import Compute
import Files
import Images
import LatentMIM
import TestSupport
import Testing

@testable import Evaluation

@Suite struct SuiteTests {
  @Test func everyProtocolThatAppliesIsInTheReport() throws {
    var told: [String] = []
    let report = try evaluationSuite(smallEncoder(), train: smallImages(70, seed: 1), test: smallImages(30, seed: 2)) {
      if $1 == $2 { told.append($0) }
    }
    #expect(report.results.map { type(of: $0.scoring).name } == suiteProtocols)
    #expect(Set(["nn", "linear, small", "few_shot, 16 a class"]).isSubset(of: report.results.map(\.label)))
    #expect(report.leftOut.isEmpty)
    // One pass for `nn`, whose features are taken before the norm, and one for all others.
    let (train, test) = ("features of the training set", "features of the test set")
    #expect(told == [test, test, train, "linear", "few_shot"])
    let probe = try #require(report.results.first { $0.scoring is LinearProbe })
    #expect((probe.scoring as? LinearProbe)?.batchSize == 32)
    #expect(report.results[1].classification?.parts.map(\.name) == ["k = 10", "k = 20"])
    #expect(report.results[0].trainCount == nil && report.results[1].trainCount == 70)
    #expect(report.markdown.split(separator: "\n").count == 2 + suiteProtocols.count)
    #expect(report.results.allSatisfy { $0.header == ["protocol", "features", "images", "seed", "top-1"] })
    #expect(probe.tap == "last block, after norm, topk_mean 10")
  }

  @Test func whatDoesNotApplyIsNamed() throws {
    let report = try evaluationSuite(smallEncoder(), train: nil, test: smallImages(10, seed: 2))
    #expect(report.results.count == 1)
    #expect(report.leftOut.map(\.name) == suiteProtocols.filter { $0 != LeaveOneOut.name })
    #expect(report.markdown.contains("- knn left out: there is no training set"))
    #expect(throws: EvaluationError.noLabels(set: "test")) {
      try evaluationSuite(smallEncoder(), train: smallImages(10, seed: 1), test: smallImages(10, classes: nil, seed: 2))
    }
    #expect(throws: EvaluationError.noLabels(set: "training")) {
      try evaluationSuite(smallEncoder(), train: smallImages(10, classes: nil, seed: 1), test: smallImages(10, seed: 2))
    }
  }

  @Test func optionsAreRefusedBeforeImagesAreSeen() throws {
    let encoder = try smallEncoder()
    let entry = EvaluationEntry(UniformNeighbors(k: 21), for: encoder.configuration)
    #expect(throws: EvaluationError.neighbors(k: 21, bank: 20)) {
      try evaluate(encoder, train: smallImages(20, seed: 1), test: smallImages(10, seed: 2), [entry]) { what, _, _ in
        Issue.record("\(what)")
      }
    }
  }

  @Test func onlyWhatLearnsCountsTrainingImages() throws {
    let sets = try clusters(train: 40, test: 30, width: 3, classes: 2)
    let alone = try evaluate(train: sets.train, test: sets.test, tap: "clusters", LeaveOneOut())
    #expect(alone.trainCount == nil)
    #expect(alone.description.hasPrefix("| nn | clusters | 30 images | – | "))
    let voted = try evaluate(train: sets.train, test: sets.test, tap: "clusters", UniformNeighbors())
    #expect(voted.description.hasPrefix("| knn_uniform | clusters | 40 train, 30 test images | – | "))
  }

  /// Another kind of score has columns of its own, and a table of its own.
  @Test func scoresHaveTheirOwnColumns() throws {
    struct Regions: EvaluationScore {
      let images = [0, 1]
      let columns = [ScoreColumn("J", "61.0 %"), ScoreColumn("F", "59.5 %")]
      let json: [String: JSONValue] = ["j": 0.61, "f": 0.595]
    }
    let sets = try clusters(train: 40, test: 30, width: 3, classes: 2)
    let classes = try evaluate(train: sets.train, test: sets.test, tap: "clusters", UniformNeighbors())
    let regions = EvaluationResult(LeaveOneOut(), tap: "patches", trainCount: nil, score: Regions())
    let report = EvaluationReport(results: [regions, classes, regions])
    let lines = report.markdown.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines[0] == "| protocol | features | images | seed | J | F |" && lines[1] == "|---|---|---|---|---|---|")
    #expect(lines[2] == lines[3] && lines[4].isEmpty && lines[5].hasSuffix("| top-1 |") && lines.count == 8)
    guard case .object(let members) = regions.json else { return #expect(Bool(false)) }
    #expect(members["j"] == 0.61 && members["images"] == [0, 1] && members["accuracy"] == nil)
  }

  @Test func progressCanEndIt() throws {
    #expect(throws: Interrupted.self) {
      try evaluationSuite(smallEncoder(), train: smallImages(70, seed: 1), test: smallImages(30, seed: 2)) {
        what, done, _ in
        if what == "few_shot", done == 7 { throw Interrupted() }
      }
    }
  }

  @Test func entriesAreReadFromJSON() throws {
    let model = try smallEncoder().configuration
    func entry(_ text: String) throws -> EvaluationEntry {
      try EvaluationEntry(json: JSONCursor(JSONValue(parsing: text, source: "test"), source: "test"), for: model)
    }
    for type in scoringProtocols {
      let found = try entry(#"{"protocol": "\#(type.name)"}"#)
      #expect(found.features == type.features(for: model))
      let again = try type.init(json: JSONCursor(found.scoring.allOptions, source: "test"))
      #expect(again.allOptions == found.scoring.allOptions)
    }
    let knn = try entry(#"{"protocol": "knn", "options": {"k": 3}, "features": {"layer": 1, "pooling": "max"}}"#)
    #expect(knn.scoring.allOptions == ["k": [3], "temperature": 0.07])
    #expect(knn.features.tap == FeatureTap(layer: 1, normed: true) && knn.features.pooling == .max)
    #expect(throws: EvaluationError.unknownProtocol("x", known: scoringProtocols.map { $0.name })) {
      try entry(#"{"protocol": "x"}"#)
    }
    for text in [#"{}"#, #"{"protocol": "nn", "options": {"k": 1}}"#, #"{"protocol": "nn", "extra": 1}"#, "3"] {
      #expect(throws: JSONError.self) { try entry(text) }
    }
  }
}
