import Compute
import Foundation
import Images
import TestSupport
import Testing

@testable import LatentMIM

@Suite struct ScheduleSpanTests {
  private func trainer(epochs: Int = 3) throws -> Trainer {
    var training = smallTraining()
    training.epochs = epochs
    return try Trainer(
      LatentMIMModel(smallConfiguration(), seed: 1), dataset: randomImages(26), configuration: training)
  }

  private func saved(_ trainer: Trainer, _ body: (String) throws -> Void) throws {
    let path = NSTemporaryDirectory() + "latentmim-\(UUID().uuidString).safetensors"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try trainer.save(to: path)
    try body(path)
  }

  @Test func progressGoesEvenlyToTheEnd() throws {
    let whole = ScheduleSpan(totalSteps: 7)
    for step in 0..<7 { #expect(whole.progress(at: step) == Double(step) / 7) }
    let span = try ScheduleSpan(begin: 4, progress: 0.25, totalSteps: 10, seconds: 1)
    #expect([4, 7, 10, 11].map(span.progress(at:)) == [0.25, 0.625, 1, 1])
    #expect(try ScheduleSpan(begin: 4, progress: 0.5, totalSteps: 4, seconds: 0).progress(at: 4) == 1)
  }

  @Test(arguments: [
    (-0.1, 5, 0.0), (1.1, 5, 0), (.nan, 5, 0), (0.5, 1, 0), (0.5, 1 << 40, 0), (0.5, 5, -1), (0.5, 5, .nan),
  ])
  func strangeSpansAreRefused(_ progress: Double, _ total: Int, _ seconds: Double) throws {
    #expect(throws: ArgumentError.self) {
      try ScheduleSpan(begin: 2, progress: progress, totalSteps: total, seconds: seconds)
    }
    let trainer = try trainer()
    for _ in 0..<2 { _ = try trainer.next() }
    #expect(throws: ArgumentError.self) {
      try trainer.reschedule(progress: progress, totalSteps: total, seconds: seconds)
    }
    #expect(trainer.totalSteps == 9)
  }

  /// Beyond the epochs of its configuration, too: the loader goes on.
  @Test func aRunEndsWhereItIsRescheduled() throws {
    let trainer = try trainer()
    var rates: [Double] = []
    while let metrics = try trainer.next() {
      rates.append(metrics.values.learningRate)
      if trainer.step == 4 { try trainer.reschedule(progress: trainer.progress, totalSteps: 14, seconds: 2) }
      if trainer.step == 12 { try trainer.reschedule(progress: trainer.progress, totalSteps: 13, seconds: 3) }
    }
    let schedule = Schedule(trainer.configuration)
    let progress: [Double] = (0..<13).map { step in
      let within = Double(step)
      return step < 4 ? within / 9 : 4.0 / 9 + 5.0 / 9 * (within - 4) / 10
    }
    #expect(rates.count == 13 && trainer.span.seconds == 3)
    for (rate, progress) in zip(rates, progress) {
      #expect(abs(rate - schedule.values(at: progress).learningRate) < 1e-12)
    }
  }

  @Test func aCheckpointHoldsIt() throws {
    try Machine.undisturbed {
      let first = try trainer()
      for _ in 0..<2 { _ = try first.next() }
      try first.reschedule(progress: 0.1, totalSteps: 12, seconds: 7.25)
      for _ in 0..<3 { _ = try first.next() }
      try saved(first) { path in
        let second = try trainer()
        try second.restore(from: path)
        #expect(second.span == first.span && second.step == 5)
        while try first.next() != nil {}
        while try second.next() != nil {}
        #expect(second.step == 12)
        expectSameBits(weights(second.model), weights(first.model), "weights")
        // More epochs make a run of so many.
        let longer = try trainer(epochs: 5)
        #expect(try longer.restore(from: path)?.contains("extended from 3 to 5 epochs") == true)
        #expect(longer.span == longer.allEpochs && longer.totalSteps == 15)
      }
      // A run of all epochs has none.
      try saved(trainer()) { path in
        let second = try trainer()
        try second.reschedule(progress: 0.5, totalSteps: 4, seconds: 1)
        try second.restore(from: path)
        #expect(second.span == second.allEpochs)
      }
    }
  }
}
