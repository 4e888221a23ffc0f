import Files
@testable import Segmentation
import Testing

@Suite struct VideoScoresTests {
  /// Frames of 1×4 pixels.
  private func add(_ scores: inout VideoScores, _ name: String, _ predicted: [[Int32]], _ truth: [[Int32]]) throws {
    try predicted.flatMap { $0 }.withUnsafeBufferPointer { predictedLabels in
      try truth.flatMap { $0 }.withUnsafeBufferPointer {
        try scores.add(
          name, predicted: predictedLabels, truth: $0, frames: truth.count, height: 1, width: truth[0].count)
      }
    }
  }

  @Test func framesInPartsAreTheSame() throws {
    let truth: [[Int32]] = [[1, 1, 2, 0], [1, 2, 2, 0], [0, 1, 2, 2], [1, 0, 0, 2], [1, 1, 1, 1]]
    let predicted: [[Int32]] = [[0, 0, 0, 0], [1, 1, 2, 0], [0, 1, 0, 2], [1, 0, 0, 2], [0, 0, 0, 0]]
    var (whole, parts) = try (VideoScores(), VideoScores())
    try add(&whole, "a", predicted, truth)
    for frame in truth.indices { try add(&parts, "a", [predicted[frame]], [truth[frame]]) }
    #expect(try whole.report().objects == parts.report().objects)
    // First and last frame are left out; of object 1 the middle ones have 1/2, 1/1, 1/1, of object 2 1/2, 1/2, 1/1.
    #expect(try whole.report().objects.map(\.similarities) == [[0.5, 1, 1], [0.5, 0.5, 1]])
    #expect(try whole.report().overall.regionSimilarity.mean == (2.5 / 3 + 2.0 / 3) / 2)
  }

  @Test func objectsAreThoseOfTheFirstFrame() throws {
    var scores = try VideoScores()
    try add(&scores, "a", [[3, 0], [3, 0], [0, 0]], [[3, 0], [3, 5], [9, 5]])
    try add(&scores, "b", [[1, 0], [1, 0], [0, 0]], [[1, 255], [1, 255], [1, 255]])
    let report = try scores.report()
    #expect(report.objects.map(\.object) == [3, 1])
    #expect(
      report.leftOut == [
        VideoReport.LeftOut(sequence: "a", label: 5, frame: 1), VideoReport.LeftOut(sequence: "a", label: 9, frame: 2),
      ])
    #expect(report.markdown.contains("a: object 5 left out"))
    #expect(report.markdown.hasPrefix("| sequence | object | frames | J&F | J |"))
  }

  @Test func foregroundIs255WhereItStandsAlone() throws {
    var scores = try VideoScores()
    try add(&scores, "a", [[0, 0], [1, 0], [0, 0]], [[255, 0], [255, 0], [0, 0]])
    try add(&scores, "b", [[0, 0], [255, 255], [0, 0]], [[255, 0], [255, 0], [0, 0]])
    #expect(try scores.report().objects.map(\.similarities) == [[1], [0.5]])
    let error = SegmentationError.mixedForeground(sequence: "a", frame: 3, 2)
    #expect(throws: error) { try add(&scores, "a", [[0, 0]], [[2, 0]]) }
    #expect(try scores.report().objects.count == 2, "what was added before stays")
  }

  @Test func refuses() throws {
    var scores = try VideoScores()
    #expect(throws: SegmentationError.noObjects(sequence: "a")) { try add(&scores, "a", [[0, 0]], [[0, 0]]) }
    try add(&scores, "a", [[1, 0], [1, 0]], [[1, 0], [1, 0]])
    #expect(throws: SegmentationError.frameCount(sequence: "a", 2)) { try scores.report() }
    #expect(throws: SegmentationError.frameSize(sequence: "a", frame: 2, found: [1, 3], wanted: [1, 2])) {
      try add(&scores, "a", [[1, 0, 0]], [[1, 0, 0]])
    }
    #expect(throws: (any Error).self) {
      try labelScores(named: "nonsense", options: JSONCursor([:], source: "options"))
    }
  }
}
