import Compute

/// The ranks that train one model, and which of them this is.
///
/// A batch is cut into `size` times as many parts as each rank computes: part number `index` of a rank is number index
/// · size + rank of the batch.
final class Ranks: Sendable {
  let communicator: any Communicator
  /// What gradients are sent as.
  let wire: Element
  let size: Int
  let rank: Int

  /// - Throws: `RanksError` where there is no such rank.
  init(_ communicator: any Communicator, wire: Element) throws {
    (self.communicator, self.wire) = (communicator, wire)
    (size, rank) = (communicator.size, communicator.rank)
    guard size > 0, (0..<size).contains(rank) else { throw RanksError("rank \(rank) of \(size) is none") }
  }

  /// What each rank has, as many values each.
  func gather<Value: BitwiseCopyable>(_ values: [Value]) throws -> [[Value]] {
    guard let first = values.first else { return Array(repeating: [], count: size) }
    var all = Array(repeating: first, count: size * values.count)
    try values.withUnsafeBytes { sent in
      try all.withUnsafeMutableBytes { received in
        try finish(communicator.start(.gather(sent: sent, received: received)))
      }
    }
    return (0..<size).map { Array(all[$0 * values.count..<($0 + 1) * values.count]) }
  }

  /// What each rank has, where these are not as many.
  ///
  /// - Parameter counts: how many each has.
  func gather(_ values: [Int], counts: [Int]) throws -> [[Int]] {
    let most = counts.max() ?? 0
    let all = try gather(values + [Int](repeating: 0, count: most - values.count))
    return zip(all, counts).map { Array($0.prefix($1)) }
  }

  /// The same of values that arrays should not copy about.
  func gather(_ values: Buffer, into room: GatherRoom) throws -> [Buffer] {
    guard room.most > 0 else { return room.parts }
    room.sent.pointer.update(from: values.pointer, count: values.count)
    try finish(communicator.start(.gather(sent: room.sent.rawValues, received: room.received.mutableRawValues)))
    for (rank, part) in room.parts.enumerated() {
      part.pointer.update(from: room.received.pointer + rank * room.most, count: part.count)
    }
    return room.parts
  }

  private func finish(_ request: Int) throws {
    _ = try Profile.measure("waiting for other ranks", part: "") { try communicator.finish(request, waits: true) }
  }

  /// What each part of a batch has, in its order.
  ///
  /// - Parameter values: of this rank's parts, as many values each.
  func gatherParts<Value: BitwiseCopyable>(_ values: [[Value]]) throws -> [[Value]] {
    let each = values.first?.count ?? 0
    let all = try gather(values.flatMap { $0 })
    return values.indices.flatMap { part in all.map { Array($0[part * each..<(part + 1) * each]) } }
  }

  /// The means over ranks, the same bits on each.
  func means(_ values: [Double]) throws -> [Double] {
    let all = try gather(values)
    return values.indices.map { index in all.reduce(0) { $0 + $1[index] } / Double(size) }
  }

  /// - Parameter gradientNorm: of summed gradients: where it differs ranks have drifted apart.
  /// - Throws: `RanksError`.
  func requireSame(gradientNorm: Double) throws {
    let norm = gradientNorm.isNaN ? Double.nan : gradientNorm
    try requireSame(norm.bitPattern, "another gradient after summing over ranks")
  }

  /// - Throws: `RanksError` naming the first rank whose number is another than rank 0's.
  func requireSame(_ number: UInt64, _ what: String) throws {
    let all = try gather([number])
    guard let other = all.firstIndex(where: { $0 != all[0] }) else { return }
    throw RanksError("rank \(other) has \(what) than rank 0")
  }
}

/// Memory for what each rank has: a rank that has none can say so before the others wait for it.
struct GatherRoom {
  fileprivate let most: Int
  fileprivate let sent, received: Buffer
  fileprivate let parts: [Buffer]

  /// - Parameter counts: how many values each rank has.
  /// - Throws: `OutOfMemory`.
  init(counts: [Int]) throws {
    most = counts.max() ?? 0
    sent = try Buffer(count: most, repeating: 0)
    received = try Buffer(count: counts.count * most)
    parts = try counts.map { try Buffer(count: $0) }
  }
}
