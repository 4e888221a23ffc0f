import Compute
import Glibc

/// Loads batches ahead of their use, on threads of its own, beside the computation.
///
/// The batches are the same for any number of workers and for any start. An image that cannot be loaded makes `next()`
/// throw when its batch is due; the call after that goes on with the following batch. Letting the loader go ends its
/// threads, which waits for the images they are at: a data set's code must not need a lock that the releasing thread
/// holds.
///
/// A process that was forked has none of its parent's threads: its `next()` on the parent's loader throws. Make loaders
/// after the fork.
public final class Loader: Sendable {
  public let plan: BatchPlan
  private let queue: LoaderQueue
  private let threads: [pthread_t]
  private let process = getpid()

  /// - Parameters:
  ///   - dataset: where images come from.
  ///   - transform: what is made of them.
  ///   - batchSize: images a batch.
  ///   - order: `.shuffled` for training, `.sequential` for evaluation.
  ///   - seed: of the order and of random crops.
  ///   - batchesPerStep: batches of one step of training, for `.shuffled`: what does not make a step is dropped.
  ///   - share: which of every so many batches are loaded; a step has so many for each of `batchesPerStep`.
  ///   - epochs: zero-based epochs to go through.
  ///   - firstBatch: number of the batch to begin with in the first of them, 0 ..< batchesPerEpoch: to resume.
  ///   - workers: threads, 1 … 256; nil for one a core.
  ///   - prefetch: batches loaded before they are asked for, at least 1.
  /// - Throws: `LoaderError`; `ImageError` where the transform does not go with the data set.
  public init(
    _ dataset: any ImageDataset, transform: ImageTransform, batchSize: Int, order: BatchPlan.Order, seed: UInt64 = 0,
    batchesPerStep: Int = 1, share: BatchPlan.Share = .init(), epochs: Range<Int> = 0..<1, firstBatch: Int = 0,
    workers: Int? = nil, prefetch: Int = 2
  ) throws {
    plan = try BatchPlan(
      count: dataset.count, batchSize: batchSize, order: order, seed: seed, batchesPerStep: batchesPerStep, share: share
    )
    let batches = try Self.batches(plan, epochs, firstBatch)
    // The order of an epoch, made on a thread that cannot refuse.
    try OutOfMemory.check(for: plan.count, of: (Int, Int).self)
    let workers = workers ?? min(usableProcessors, Self.mostWorkers)
    guard 1...Self.mostWorkers ~= workers else {
      throw LoaderError.plan("workers is \(workers), wanted 1 … \(Self.mostWorkers)")
    }
    guard 1...1024 ~= prefetch else { throw LoaderError.plan("prefetch is \(prefetch), wanted 1 … 1024 batches") }
    let loading = try ImageLoading(dataset, transform, seed: seed)
    queue = LoaderQueue(plan: plan, loading: loading, batches: batches, ahead: prefetch)
    threads = startThreads(workers, queue)
    guard !threads.isEmpty else { throw LoaderError.threads }
  }

  private static let mostWorkers = 256

  /// The next batch; nil after the last one of the last epoch.
  ///
  /// - Throws: the error of the first image of the batch that could not be loaded; `OutOfMemory`; `Interrupted`, after
  ///   which the same batch is still to come; `LoaderError.closed`, `.forked`.
  public func next() throws -> Batch? {
    guard getpid() == process else { throw LoaderError.forked }
    return try queue.next()
  }

  /// Stops loading: a `next()` that waits, and all later ones, throw `LoaderError.closed`.
  public func close() {
    if getpid() == process { queue.close() }
  }

  deinit {
    guard getpid() == process else { return }
    queue.close()
    for thread in threads { pthread_join(thread, nil) }
  }

  private static func batches(_ plan: BatchPlan, _ epochs: Range<Int>, _ firstBatch: Int) throws -> Range<Int> {
    guard epochs.lowerBound >= 0, epochs.upperBound <= 1 << 31 else {
      throw LoaderError.plan("epochs \(epochs): wanted a range within 0 ..< 2³¹")
    }
    guard 0..<plan.batchesPerEpoch ~= firstBatch else {
      throw LoaderError.plan("first batch is \(firstBatch), an epoch has batches 0 ..< \(plan.batchesPerEpoch)")
    }
    let (first, overflowsFirst) = epochs.lowerBound.multipliedReportingOverflow(by: plan.batchesPerEpoch)
    let (end, overflowsEnd) = epochs.upperBound.multipliedReportingOverflow(by: plan.batchesPerEpoch)
    guard !overflowsFirst, !overflowsEnd else {
      throw LoaderError.plan("epochs \(epochs) are too many batches to count")
    }
    return min(first + firstBatch, end)..<end
  }
}

/// Starts threads that work for `queue`; fewer than asked for where the system gives no more.
private func startThreads(_ count: Int, _ queue: LoaderQueue) -> [pthread_t] {
  // Signals belong to the program's own threads: Ctrl-C must reach the one that can answer it.
  var (all, before) = (sigset_t(), sigset_t())
  sigfillset(&all)
  pthread_sigmask(SIG_SETMASK, &all, &before)
  defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
  var threads: [pthread_t] = []
  for _ in 0..<count {
    let context = Unmanaged.passRetained(queue)
    var thread = pthread_t()
    let status = pthread_create(
      &thread, nil,
      { context in
        guard let context else { return nil }
        Unmanaged<LoaderQueue>.fromOpaque(context).takeRetainedValue().work()
        return nil
      }, context.toOpaque())
    guard status == 0 else {
      context.release()
      break
    }
    threads.append(thread)
  }
  return threads
}

/// What can be wrong with a loader's options or its use.
public enum LoaderError: DescribedError, Equatable {
  case plan(String)
  /// The system gives no thread.
  case threads
  case closed
  case forked

  public var kind: ErrorKind {
    if case .threads = self { .memory } else { .value }
  }

  public var description: String {
    switch self {
    case .plan(let problem): "loader: \(problem)"
    case .threads: "loader: the system gives no thread to load images on"
    case .closed: "loader: it is closed"
    case .forked: "loader: it was made before this process was forked and has no threads here; make one after the fork"
    }
  }
}
