import Compute
import Evaluation
import Testing

@Suite struct LabelledFeaturesTests {
  @Test func refusesWhatDoesNotGoTogether() throws {
    #expect(throws: EvaluationError.noLabels(set: "training")) { try labelled([1, 2], width: 1, nil) }
    #expect(throws: EvaluationError.labels(set: "training", found: 1, count: 2)) {
      try labelled([1, 2], width: 1, [0])
    }
    #expect(throws: EvaluationError.label(-3, set: "training", row: 1)) { try labelled([1, 2], width: 1, [0, -3]) }
    #expect(throws: EvaluationError.notFinite(set: "training", row: 1, channel: 0)) {
      try labelled([1, 2, .nan, 1], width: 2, [0, 0])
    }
    for (count, width) in [(0, 1), (1, 0), (-1, -2), (.max, 2), (3, 1)] {
      #expect(throws: EvaluationError.features(set: "test", found: 2, count: count, width: width)) {
        try LabelledFeatures(set: "test", vectors: Buffer([1, 2]), count: count, width: width, labels: [0, 0])
      }
    }
  }

  @Test func classesAreFoundByNameWhereBothHaveNames() throws {
    let train = try labelled([1, 2, 3], width: 1, [0, 2, 5], classNames: ["ant", "bee", "cat", "dog", "elk", "fly"])
    let test = try labelled([1, 2], width: 1, [1, 0], set: "test", classNames: ["cat", "fly"])
    let task = try ClassificationTask(train: train, test: test)
    #expect(task.classes.labels == [0, 2, 5])
    #expect(task.trainClasses == [0, 1, 2])
    #expect(task.classes.ofTest == [2, 1])
    #expect(throws: EvaluationError.unknownClass("'dog'")) {
      try ClassificationTask(train: train, test: labelled([1], width: 1, [0], classNames: ["dog"]))
    }
    #expect(throws: EvaluationError.unknownClass("1")) {
      try ClassificationTask(train: train, test: labelled([1], width: 1, [1]))
    }
    let large = try ClassificationTask(
      train: labelled([1, 2], width: 1, [.max, 7]), test: labelled([1], width: 1, [.max]))
    #expect(large.classCount == 2 && large.classes.ofTest == [1])
  }
}
