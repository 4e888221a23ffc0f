import Segmentation
import Testing

@Suite struct ScoreStatisticsTests {
  /// Quarters of n frames as DAVIS counts them: both ends belong to a quarter.
  @Test func byHand() {
    // 5 frames: bounds 0 1 2 3 4, quarters {0, 1} and {3, 4}.
    let five = ScoreStatistics([1, 0.8, 0.6, 0.5, 0.1])
    #expect(abs(five.mean - 0.6) < 1e-15)
    #expect(five.recall == 3.0 / 5, "½ itself is no success")
    #expect(abs(five.decay - 0.6) < 1e-15)
    // 4 frames: bounds 1 + 0, 0.75, 1.5, 2.25, 3 rounded, halves up, less 1: 0 1 2 2 3; quarters {0, 1} and {2, 3}.
    #expect(ScoreStatistics([1, 0, 0, 1]).decay == 0)
    #expect(ScoreStatistics([1, 1, 0, 1]).decay == 0.5)
    // 3 frames: 0, 0.5, 1, 1.5, 2 give 0 1 1 2 2; quarters {0, 1} and {2}.
    #expect(ScoreStatistics([1, 0, 0]).decay == 0.5)
    #expect(ScoreStatistics([0.75]) == ScoreStatistics(meanOf: [ScoreStatistics([0.75])]))
    #expect(ScoreStatistics([0.75]).decay == 0)
  }

  @Test func ofNothingIsZero() {
    #expect(ScoreStatistics([]).mean == 0)
    #expect(ScoreStatistics(meanOf: []).recall == 0)
  }
}
