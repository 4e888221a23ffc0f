import Compute

/// What a loader and its threads share: which image is to be loaded next, and the batches under way.
///
/// Threads take images one by one in the order of the batches, so that all work at the batch that is needed first. What
/// a batch holds depends on the plan alone.
final class LoaderQueue: @unchecked Sendable {
  /// A batch under way.
  private final class Pending {
    let epoch: Int
    let number: Int
    var indices: [Int]
    let pixels: Buffer?
    var remaining: Int
    /// The error of the lowest slot that has one.
    var failure: (slot: Int, error: any Error)?
    var slotsTaken = 0

    init(epoch: Int, number: Int, indices: [Int], pixels: Buffer?) {
      (self.epoch, self.number, self.indices, self.pixels) = (epoch, number, indices, pixels)
      remaining = indices.count
    }
  }

  /// One image to load.
  private struct Task {
    let batch: Pending
    let slot: Int
    let index: Int
    let output: UnsafeMutablePointer<Float>
  }

  private enum Turn {
    case finished
    case notYet
    case ready(Pending)
  }

  private let plan: BatchPlan
  private let loading: ImageLoading
  private let ahead: Int
  private let end: Int
  private let monitor = Monitor()
  // All below, and the contents of pending batches, only under the monitor's lock.
  private var delivered: Int
  private var begun: Int
  private var pending: [Int: Pending] = [:]
  private var handedOut: Pending?
  private var epochOrder: (epoch: Int, indices: [Int])?
  private var isClosed = false
  /// The memory of all batches so far.
  private var rooms: [Buffer] = []

  /// - Parameters:
  ///   - batches: the ones to load, counted through all epochs.
  ///   - ahead: batches begun before they are asked for.
  init(plan: BatchPlan, loading: ImageLoading, batches: Range<Int>, ahead: Int) {
    (self.plan, self.loading, self.ahead) = (plan, loading, ahead)
    (delivered, begun, end) = (batches.lowerBound, batches.lowerBound, batches.upperBound)
  }

  /// A worker thread's life.
  func work() {
    while let task = take() {
      let result = Result { try loading.load(task.index, epoch: task.batch.epoch, into: task.output) }
      finish(task, result)
    }
  }

  /// Ends the workers' lives: each finishes the image it is at.
  func close() {
    monitor.locked {
      isClosed = true
      monitor.wake()
    }
  }

  /// The next batch; nil after the last.
  func next() throws -> Batch? {
    while true {
      try Interruption.check()
      switch try monitor.locked(turn) {
      case .finished: return nil
      case .notYet: continue
      case .ready(let batch):
        if let failure = batch.failure { throw failure.error }
        return batch.pixels.map {
          loading.batch(epoch: batch.epoch, number: batch.number, indices: batch.indices, $0)
        }
      }
    }
  }

  private func turn() throws -> Turn {
    if isClosed { throw LoaderError.closed }
    if delivered == end { return .finished }
    // Not for ever: the caller looks for an interruption now and then.
    if pending[delivered]?.remaining != 0 { monitor.wait(milliseconds: 50) }
    guard let batch = pending[delivered], batch.remaining == 0 else { return .notYet }
    pending[delivered] = nil
    delivered += 1
    monitor.wake()
    return .ready(batch)
  }

  private func take() -> Task? {
    monitor.locked {
      while !isClosed {
        if let batch = handedOut, let pixels = batch.pixels {
          let slot = batch.slotsTaken
          batch.slotsTaken += 1
          if batch.slotsTaken == batch.indices.count { handedOut = nil }
          let output = pixels.pointer + slot * loading.imageSize
          return Task(batch: batch, slot: slot, index: batch.indices[slot], output: output)
        }
        if begun == end { return nil }
        if begun < delivered + ahead { begin() } else { monitor.wait() }
      }
      return nil
    }
  }

  private func begin() {
    let (epoch, number) = begun.quotientAndRemainder(dividingBy: plan.batchesPerEpoch)
    if epochOrder?.epoch != epoch { epochOrder = (epoch, plan.order(epoch: epoch)) }
    let indices = Array((epochOrder?.indices ?? [])[plan.places(batch: number)])
    let pixels = Result { try room(indices.count) }
    let batch = Pending(epoch: epoch, number: number, indices: indices, pixels: try? pixels.get())
    pending[begun] = batch
    begun += 1
    if case .failure(let error) = pixels {
      batch.failure = (0, error)
      batch.remaining = 0
      monitor.wake()
    } else {
      handedOut = batch
      monitor.wake()
    }
  }

  /// Memory for a batch: that of an earlier one which nobody holds any more, if there is.
  private func room(_ images: Int) throws -> Buffer {
    for index in rooms.indices
    where isKnownUniquelyReferenced(&rooms[index]) && rooms[index].count == images * loading.imageSize {
      return rooms[index]
    }
    let fresh = try loading.pixels(images)
    rooms.append(fresh)
    return fresh
  }

  private func finish(_ task: Task, _ result: Result<Int, any Error>) {
    monitor.locked {
      switch result {
      case .success(let index): task.batch.indices[task.slot] = index
      case .failure(let error):
        if task.slot <= task.batch.failure?.slot ?? .max { task.batch.failure = (task.slot, error) }
      }
      task.batch.remaining -= 1
      if task.batch.remaining == 0 { monitor.wake() }
    }
  }
}
