import Compute
import Glibc
import Synchronization
import Testing

@testable import Images

/// Grey images whose level is their index; some cannot be read.
private struct Levels: ImageDataset {
  var count = 10
  var broken: Set<Int> = []
  var microseconds: UInt32 = 0
  let channels = 1
  let labels: [Int]? = nil
  let classNames: [String] = []

  func source(at index: Int) throws -> ImageSource {
    usleep(microseconds)
    if broken.contains(index) { throw DatasetError.unreadable(path: "\(index)", problem: "broken", fileKind: .value) }
    return .decoded(try Image(bytes: [UInt8](repeating: UInt8(index), count: 16), height: 4, width: 4, channels: 1))
  }
}

private func evaluation() throws -> ImageTransform {
  .evaluate(try EvaluationTransform(.squash(height: 2, width: 2), normalization: .none(channels: 1)))
}

private func training() throws -> ImageTransform { .train(try Augmentation(height: 16, width: 12)) }

/// All batches a loader gives; an error's message in place of a batch that has one.
private func run(_ loader: Loader) -> [(Batch?, String)] {
  var batches: [(Batch?, String)] = []
  while true {
    do {
      guard let batch = try loader.next() else { return batches }
      batches.append((batch, ""))
    } catch {
      batches.append((nil, "\(error)"))
    }
  }
}

private func photographs() throws -> ImageArrays {
  let random = RandomStream(seed: 2, purpose: .views)
  let bytes = (0..<(11 * 30 * 40 * 3)).map { UInt8(random.integer(below: 256, at: $0)) }
  return try ImageArrays(PixelMemory(bytes), shape: [11, 30, 40, 3])
}

extension SerialTests {
  @Suite struct LoaderTests {
    @Test func sequentialKeepsTheLastBatch() throws {
      let batches = run(try Loader(Levels(), transform: evaluation(), batchSize: 4, order: .sequential))
      #expect(batches.map { $0.0?.indices } == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]])
      #expect(batches.map { $0.0?.number } == [0, 1, 2])
      let last = try #require(batches[2].0)
      #expect(last.shape == [2, 2, 2, 1] && last.pixels.count == 8)
      #expect(last.pixels.values.map { ($0 * 255).rounded() } == [8, 8, 8, 8, 9, 9, 9, 9])
    }

    @Test func shuffledDropsTheLastBatchAndChangesWithTheEpoch() throws {
      let loader = try Loader(Levels(), transform: evaluation(), batchSize: 4, order: .shuffled, seed: 5, epochs: 0..<3)
      let batches = run(loader).compactMap(\.0)
      #expect(batches.map { [$0.epoch, $0.number] } == [[0, 0], [0, 1], [1, 0], [1, 1], [2, 0], [2, 1]])
      let epochs = (0..<3).map { epoch in batches.filter { $0.epoch == epoch }.flatMap(\.indices) }
      #expect(epochs.allSatisfy { Set($0).count == 8 } && Set(epochs).count == 3)
      #expect(epochs[1] == Array(loader.plan.order(epoch: 1).prefix(8)))
      for batch in batches {
        let levels = stride(from: 0, to: 16, by: 4).map { Int((batch.pixels.values[$0] * 255).rounded()) }
        #expect(levels == batch.indices)
      }
    }

    @Test func workersDoNotChangeTheBatches() throws {
      let dataset = try photographs()
      func pixels(workers: Int) throws -> [[Float]] {
        run(
          try Loader(
            dataset, transform: training(), batchSize: 3, order: .shuffled, seed: 9, epochs: 0..<4, workers: workers)
        ).map { $0.0.map { Array($0.pixels.values) } ?? [] }
      }
      let one = try pixels(workers: 1)
      #expect(one.count == 12 && Set(one).count == 12)
      #expect(try pixels(workers: 2) == one)
      #expect(try pixels(workers: 3) == one)
    }

    @Test func resumesAnywhere() throws {
      let dataset = try photographs()
      func batches(epochs: Range<Int>, first: Int) throws -> [[Float]] {
        run(
          try Loader(
            dataset, transform: training(), batchSize: 3, order: .shuffled, seed: 9, epochs: epochs, firstBatch: first)
        ).map { $0.0.map { Array($0.pixels.values) } ?? [] }
      }
      let all = try batches(epochs: 0..<3, first: 0)
      #expect(try batches(epochs: 1..<3, first: 2) == Array(all[5...]))
      #expect(try batches(epochs: 1..<1, first: 0).isEmpty)
    }

    @Test func loadBatchGivesWhatTheLoaderGives() throws {
      let dataset = try photographs()
      let loader = try Loader(dataset, transform: training(), batchSize: 5, order: .shuffled, seed: 4, epochs: 2..<3)
      let batch = try #require(try loader.next())
      let same = try loadBatch(dataset, indices: batch.indices, transform: training(), seed: 4, epoch: 2)
      #expect(Array(same.pixels.values) == Array(batch.pixels.values) && same.shape == batch.shape)
      #expect(message { try loadBatch(dataset, indices: [0, 99, 77], transform: training()) }.contains("image 99"))
      #expect(throws: LoaderError.self) { try loadBatch(dataset, indices: [], transform: training()) }
    }

    @Test(arguments: 1...3)
    func errorsComeAtTheirBatch(workers: Int) throws {
      let results = run(
        try Loader(
          Levels(broken: [6, 5, 9]), transform: evaluation(), batchSize: 4, order: .sequential, workers: workers))
      #expect(results.map(\.1) == ["", "cannot read '5': broken", "cannot read '9': broken"])
      #expect(results[0].0?.indices == [0, 1, 2, 3])
    }

    @Test func skippedImagesAreReplaced() throws {
      let folder = TemporaryFolder()
      for index in 0..<6 { folder.write("\(index).jpg", index == 2 ? [0] : try fixture("rgb.jpg")) }
      let dataset = try ImageFolder(path: folder.path, onError: .skip)
      let transform = try ImageTransform.evaluate(EvaluationTransform(.squash(height: 2, width: 2)))
      let batches = run(try Loader(dataset, transform: transform, batchSize: 6, order: .sequential))
      #expect(batches.map { $0.0?.indices } == [[0, 1, 3, 3, 4, 5]])
      #expect(dataset.skipped.count == 1)
    }

    @Test func prefetchesAheadButNotMore() throws {
      struct Watched: ImageDataset {
        let count = 100
        let channels = 1
        let labels: [Int]? = nil
        let classNames: [String] = []
        let note: @Sendable (Int) -> Void
        func source(at index: Int) throws -> ImageSource {
          note(index)
          return try Levels().source(at: index)
        }
      }
      let noted = Noted()
      let loader = try Loader(
        Watched { index in noted.indices.withLock { _ = $0.insert(index) } }, transform: evaluation(), batchSize: 5,
        order: .sequential, workers: 2, prefetch: 3)
      _ = try loader.next()
      usleep(200_000)
      #expect(noted.indices.withLock { $0 } == Set(0..<20))
    }

    @Test func closingNeverHangs() throws {
      for round in 0..<50 {
        let loader = try Loader(
          Levels(microseconds: 500), transform: evaluation(), batchSize: 2, order: .shuffled, epochs: 0..<1000,
          workers: 3
        )
        for _ in 0..<(round % 4) { _ = try loader.next() }
        if round % 2 == 0 {
          loader.close()
          #expect(throws: LoaderError.closed) { try loader.next() }
        }
      }
    }

    @Test func aForkedChildIsTold() throws {
      let loader = try Loader(Levels(), transform: evaluation(), batchSize: 2, order: .shuffled, epochs: 0..<1000)
      _ = try loader.next()
      let child = forkedChildOutcome { (try? loader.next()) == nil ? 7 : 8 }
      #expect(child == 7)
      #expect(try loader.next() != nil)
    }

    @Test func optionsAreChecked() throws {
      let transform = try evaluation()
      #expect(throws: LoaderError.self) { try Loader(Levels(), transform: transform, batchSize: 0, order: .shuffled) }
      #expect(
        message { try Loader(Levels(), transform: transform, batchSize: 11, order: .shuffled) }.contains("10 images"))
      #expect(throws: LoaderError.self) {
        try Loader(Levels(count: 0), transform: transform, batchSize: 1, order: .sequential)
      }
      for workers in [0, -1, 257] {
        #expect(throws: LoaderError.self) {
          try Loader(Levels(), transform: transform, batchSize: 2, order: .shuffled, workers: workers)
        }
      }
      #expect(throws: LoaderError.self) {
        try Loader(Levels(), transform: transform, batchSize: 2, order: .shuffled, firstBatch: 5)
      }
      #expect(throws: LoaderError.self) {
        try Loader(Levels(), transform: transform, batchSize: 2, order: .shuffled, epochs: -1..<3)
      }
      #expect(throws: ImageError.channels(1, wanted: 3)) {
        try Loader(Levels(), transform: training(), batchSize: 2, order: .shuffled)
      }
    }
  }
}

private final class Noted: Sendable {
  let indices = Mutex(Set<Int>())
}

/// The exit status of a forked child that runs `body`; Swift hides fork(), so it is found by its symbol.
private func forkedChildOutcome(_ body: () -> Int32) -> Int32 {
  typealias Fork = @convention(c) () -> Int32
  guard let symbol = dlsym(nil, "fork") else { return -1 }
  let child = unsafeBitCast(symbol, to: Fork.self)()
  if child == 0 { _exit(body()) }
  var status: Int32 = 0
  waitpid(child, &status, 0)
  return (status >> 8) & 0xFF
}
