import Compute
import Tensors

/// Gradients of several parameters, in memory of their own.
///
/// As float32 they are summed by the communicator. As bfloat16, which MPI does not know, each rank gets its part of
/// every rank's, sums in float32, and sends the sums: half the bytes, whatever the number of ranks, and only operands
/// and sums are rounded.
final class WireBucket: GradientBucket {
  let slots: [GradientSlot]
  private let counts: [Int]
  private let ranks: Ranks
  /// The values, one parameter after the other, rounded up to equal parts for all ranks.
  private let values: Buffer
  /// bfloat16, as many, where that is what is sent.
  private let (sent, received): (Buffer?, Buffer?)
  private var exchange: GradientExchange
  private var isAddedUp = false
  private(set) var contributions: [Int] = []

  /// - Throws: `OutOfMemory`.
  init(_ tensors: [Tensor], _ ranks: Ranks) throws {
    slots = tensors.compactMap(\.gradient)
    counts = tensors.map(\.count)
    self.ranks = ranks
    exchange = GradientExchange(ranks)
    let (rounds, total) = (ranks.wire == .bfloat16, counts.reduce(0, +))
    let count = (total + ranks.size - 1) / ranks.size * ranks.size
    values = try Buffer(count: count, repeating: 0)
    sent = rounds ? try Buffer(count: count, element: .bfloat16) : nil
    received = rounds ? try Buffer(count: count, element: .bfloat16) : nil
  }

  var bytes: Int { values.bytes + (sent?.bytes ?? 0) + (received?.bytes ?? 0) }

  func start() throws {
    contributions = slots.map(\.contributions)
    var first = 0
    for (slot, count) in zip(slots, counts) {
      let place = values.pointer + first
      if let gradient = slot.value {
        parallelRows(count, cost: 1) { range in
          (place + range.lowerBound).update(from: gradient.pointer + range.lowerBound, count: range.count)
        }
      } else {
        place.update(repeating: 0, count: count)
      }
      first += count
    }
    isAddedUp = false
    guard let sent, let received else {
      return try exchange.start(.sum(UnsafeMutableBufferPointer(start: values.pointer, count: values.count)))
    }
    convert(values, count: values.count, to: sent)
    try exchange.start(.allToAll(sent: sent.rawValues, received: received.mutableRawValues))
  }

  func progress() throws { try exchange.progress() }

  /// Of bfloat16, whose second exchange is started.
  func addUp() throws {
    guard let sent, let received, !isAddedUp else { return }
    try wait()
    let part = values.count / ranks.size
    let sum = values.pointer
    for rank in 0..<ranks.size {
      parallelRows(part, cost: 2) { range in
        let words = received.raw.assumingMemoryBound(to: UInt16.self) + rank * part
        for index in range {
          let value = Float(bitPattern: UInt32(words[index]) << 16)
          sum[index] = rank == 0 ? value : sum[index] + value
        }
      }
    }
    convert(values, count: part, to: sent)
    let own = UnsafeRawBufferPointer(start: sent.raw, count: part * Element.bfloat16.size)
    try exchange.start(.gather(sent: own, received: received.mutableRawValues))
    isAddedUp = true
  }

  func startAgain() throws {
    try addUp()
    try wait()
    try start()
  }

  /// A gradient that no rank has stays none.
  func finish() throws {
    try wait()
    if let received { convert(received, count: values.count, to: values) }
    var first = 0
    for (slot, count) in zip(slots, counts) {
      if slot.value != nil { try slot.replace(with: values.pointer + first, count: count) }
      first += count
    }
  }

  private func wait() throws { try exchange.wait(bytes: values.bytes) }
}

private func convert(_ from: Buffer, count: Int, to place: Buffer) {
  parallelRows(count, cost: 1) { part in
    Compute.convert(
      from.address(part.lowerBound), from.element, count: part.count, to: place.address(part.lowerBound), place.element)
  }
}

extension Buffer {
  var rawValues: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: raw, count: bytes) }
  var mutableRawValues: UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(start: raw, count: bytes)
  }
}
