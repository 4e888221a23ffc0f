import Compute
import Tensors

/// Gradients that go between ranks together.
protocol GradientBucket: AnyObject {
  var slots: [GradientSlot] { get }
  /// Contributions to each gradient when it was sent.
  var contributions: [Int] { get }
  /// Memory of its own.
  var bytes: Int { get }

  /// Sends the gradients as they are now.
  func start() throws
  /// Lets the exchange go on where that takes a call.
  func progress() throws
  /// What comes between two exchanges, where there are two. All ranks do it at the same place in the exchanges' order.
  func addUp() throws
  /// Sends what has come since `start`.
  func startAgain() throws
  /// Puts the sums in the gradients' place.
  func finish() throws
}

/// An exchange of gradients that is under way, or none.
struct GradientExchange {
  private let communicator: any Communicator
  private var request: Int?

  init(_ ranks: Ranks) { communicator = ranks.communicator }

  mutating func start(_ exchange: Exchange) throws { request = try communicator.start(exchange) }

  mutating func progress() throws {
    if let pending = request, try communicator.finish(pending, waits: false) { request = nil }
  }

  mutating func wait(bytes: Int) throws {
    guard let pending = request else { return }
    request = nil
    _ = try Profile.measure("waiting for gradients of other ranks", part: "", bytes: Double(bytes)) {
      try communicator.finish(pending, waits: true)
    }
  }
}

/// One gradient, summed by the communicator where it lies: nothing is copied, and no memory taken.
///
/// Its slot is empty meanwhile, so that what comes late is not lost among the sums.
final class WholeGradient: GradientBucket {
  let slots: [GradientSlot]
  let bytes = 0
  private(set) var contributions: [Int] = []
  private let count: Int
  private var exchange: GradientExchange
  /// What was sent, zeros for a gradient that this rank has not.
  private var sums: [Buffer] = []
  private var hasGradient = false

  init(_ slot: GradientSlot, count: Int, _ ranks: Ranks) {
    (slots, self.count) = ([slot], count)
    exchange = GradientExchange(ranks)
  }

  func start() throws {
    (sums, hasGradient) = ([], false)
    try send()
  }

  func progress() throws { try exchange.progress() }

  func addUp() {}

  func startAgain() throws {
    try exchange.wait(bytes: 4 * count)
    try send()
  }

  /// A gradient that no rank has stays none.
  func finish() throws {
    try exchange.wait(bytes: 4 * count)
    for sum in sums where hasGradient { try slots[0].putBack(sum) }
    sums = []
  }

  private func send() throws {
    contributions = slots.map(\.contributions)
    let taken = try slots[0].takeOwn()
    hasGradient = hasGradient || taken != nil
    let values = try taken ?? Buffer(count: count, repeating: 0)
    sums.append(values)
    try exchange.start(.sum(UnsafeMutableBufferPointer(start: values.pointer, count: values.count)))
  }
}
