import Compute
import Networks
import Tensors

/// Sums the gradients of all ranks, bucket by bucket, while the backward pass goes on.
///
/// Buckets are filled from the last parameter to the first, about the order in which gradients become complete, and go
/// in this order on all ranks. Large gradients of float32 are summed where they lie. When a gradient is complete is
/// learnt: all steps of a run do the same, so that it is as many contributions after the beginning as in the step
/// before.
final class GradientReduction {
  private let ranks: Ranks
  private var buckets: [any GradientBucket] = []
  /// Contributions before the last part of the batch, and how many came in it at the step before.
  private var begun: [[Int]] = []
  private var expected: [[Int]] = []
  private var started = 0
  private var addedUp = 0
  private var lastPoll = 0.0

  /// Bytes of gradients that go together: enough that latency does not count, few enough that the last one, which
  /// nothing hides, is soon there.
  private static let bucketBytes = 4 << 20
  /// Bytes of a gradient that goes alone, where it lies, if it is not rounded.
  private static let wholeBytes = 256 << 10
  /// Buckets under way before the first exchange of the oldest is waited for.
  private static let ahead = 2
  /// Seconds between two calls that let exchanges go on.
  private static let pollingPause = 0.001

  /// - Throws: `OutOfMemory`.
  init(_ parameters: [NamedParameter], _ ranks: Ranks) throws {
    self.ranks = ranks
    var small: [Tensor] = []
    for tensor in parameters.reversed().map(\.parameter.tensor) {
      guard let slot = tensor.gradient else { continue }
      if ranks.wire == .float32, tensor.buffer.bytes >= Self.wholeBytes {
        buckets.append(WholeGradient(slot, count: tensor.count, ranks))
        continue
      }
      if !small.isEmpty, small.reduce(tensor.buffer.bytes, { $0 + $1.buffer.bytes }) > Self.bucketBytes {
        buckets.append(try WireBucket(small, ranks))
        small = []
      }
      small.append(tensor)
    }
    if !small.isEmpty { buckets.append(try WireBucket(small, ranks)) }
  }

  var bytes: Int { buckets.reduce(0) { $0 + $1.bytes } }

  /// To be called before the last part of a batch.
  func begin() {
    begun = counts
    (started, addedUp) = (0, 0)
  }

  /// To be called now and then in the backward pass of the last part: sends what is complete.
  func progress() throws {
    while started < buckets.count, isComplete(started) { try startNext() }
    let now = monotonicSeconds()
    guard started > addedUp, now - lastPoll > Self.pollingPause else { return }
    lastPoll = now
    try buckets[addedUp..<started].forEach { try $0.progress() }
  }

  /// Sends what is left, and leaves all gradients summed.
  func finish() throws {
    while started < buckets.count { try startNext() }
    expected = zip(counts, begun).map { zip($0, $1).map { $0 - $1 } }
    for bucket in buckets where bucket.contributions != bucket.slots.map(\.contributions) {
      // Something came after it was sent: another step than the one before. All ranks see the same.
      try bucket.startAgain()
    }
    for bucket in buckets { try bucket.addUp() }
    for bucket in buckets { try bucket.finish() }
  }

  private var counts: [[Int]] { buckets.map { $0.slots.map(\.contributions) } }

  private func isComplete(_ index: Int) -> Bool {
    guard index < expected.count else { return false }
    let bucket = buckets[index]
    return bucket.slots.indices.allSatisfy {
      bucket.slots[$0].contributions - begun[index][$0] >= expected[index][$0]
    }
  }

  /// What follows a first exchange is done at fixed places of the order, so that it is the same on all ranks.
  private func startNext() throws {
    try buckets[started].start()
    started += 1
    guard started - addedUp > Self.ahead else { return }
    try buckets[addedUp].addUp()
    addedUp += 1
  }
}
