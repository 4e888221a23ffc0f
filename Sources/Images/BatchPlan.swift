import Compute

/// Which images go into which batch.
public struct BatchPlan: Sendable, Equatable {
  public enum Order: String, Sendable {
    /// Another random order each epoch; a last incomplete batch is dropped.
    case shuffled
    /// By index; a last incomplete batch is kept.
    case sequential
  }

  /// Images in the data set.
  public let count: Int
  public let batchSize: Int
  public let order: Order
  public let seed: UInt64
  /// Batches that make one step of training: an epoch has whole steps only.
  public let batchesPerStep: Int
  /// Which of every so many batches are taken.
  public let share: Share

  /// One of several that take turns: number `index` of `count`.
  public struct Share: Sendable, Equatable {
    public let index: Int
    public let count: Int

    public init(_ index: Int = 0, of count: Int = 1) { (self.index, self.count) = (index, count) }
  }

  /// - Throws: `LoaderError.plan` where there would be no batch.
  public init(
    count: Int, batchSize: Int, order: Order, seed: UInt64, batchesPerStep: Int = 1, share: Share = Share()
  ) throws {
    guard batchSize > 0 else { throw LoaderError.plan("batch size is \(batchSize), wanted at least 1") }
    guard count > 0 else { throw LoaderError.plan("the data set is empty") }
    guard share.count > 0, (0..<share.count).contains(share.index) else {
      throw LoaderError.plan("share \(share.index) of \(share.count) is none")
    }
    let parts = max(batchesPerStep, 1) * share.count
    guard batchesPerStep > 0, order == .sequential || batchSize <= count / parts else {
      throw LoaderError.plan(
        "batch size is \(batchSize * parts), but there are \(count) images, and training drops an incomplete batch"
      )
    }
    (self.count, self.batchSize, self.order, self.seed) = (count, batchSize, order, seed)
    (self.batchesPerStep, self.share) = (batchesPerStep, share)
  }

  public var batchesPerEpoch: Int {
    switch order {
    case .shuffled: count / batchSize / (batchesPerStep * share.count) * batchesPerStep
    case .sequential: ((count - 1) / batchSize + share.count - share.index) / share.count
    }
  }

  /// The images of an epoch in order.
  public func order(epoch: Int) -> [Int] {
    switch order {
    case .shuffled: RandomStream(seed: seed, purpose: .shuffle, epoch: epoch).permutation(of: count)
    case .sequential: Array(0..<count)
    }
  }

  /// Places in the epoch's order that batch `batch` (0 ..< batchesPerEpoch) takes.
  func places(batch: Int) -> Range<Int> {
    let first = (batch * share.count + share.index) * batchSize
    return first..<(count - first < batchSize ? count : first + batchSize)
  }
}
