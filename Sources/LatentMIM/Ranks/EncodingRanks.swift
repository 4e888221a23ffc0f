import Compute
import Networks

/// What an encoder makes of some images.
public struct EncodedImages {
  /// Rows of numbers, of whatever kind, one behind the other.
  public let values: Buffer
  /// The index of the image that each row really is.
  public let images: [Int]

  public init(values: Buffer, images: [Int]) { (self.values, self.images) = (values, images) }
}

/// Ranks that encode images together: all make the same calls, each encodes its share, and all get everything.
///
/// Whenever they meet, each says first whether it can go on. Where one cannot, all throw and meet no more: whoever
/// fails says so at the next meeting, the last of which is `settle`, so that nobody waits for one that has gone.
final class EncodingRanks: @unchecked Sendable {
  private let ranks: Ranks
  private var haveParted = false

  /// - Throws: `RanksError`.
  init(_ communicator: any Communicator) throws { ranks = try Ranks(communicator, wire: .float32) }

  /// Parts `first` ..< `first` + ranks of `count`, one by each rank; fewer at the end.
  ///
  /// - Parameter work: what all of them do, so that ranks that do something else are noticed.
  /// - Throws: what `compute` throws here; `RankFailure` what it throws elsewhere, `RanksError`, `OutOfMemory`.
  fileprivate func parts(
    from first: Int, of count: Int, work: UInt64, compute: (Int) throws -> EncodedImages
  ) throws -> [EncodedImages] {
    let number = first + ranks.rank
    let own = Result {
      try Interruption.check()
      return try number < count ? compute(number) : EncodedImages(values: Buffer(count: 0), images: [])
    }
    let counts = (try? own.get()).map { [$0.images.count, $0.values.count] } ?? []
    let sizes = try meet(own.failure, work: work, counts)
    let part = try own.get()
    let room = Result { try GatherRoom(counts: sizes.map { $0[1] }) }
    _ = try meet(room.failure, work: work, [])
    let images = try exchanged { try ranks.gather(part.images, counts: sizes.map { $0[0] }) }
    let values = try exchanged { try ranks.gather(part.values, into: room.get()) }
    return zip(values, images).prefix(count - first).map { EncodedImages(values: $0, images: $1) }
  }

  var size: Int { ranks.size }
  var rank: Int { ranks.rank }

  /// - Throws: `OutOfMemory`.
  func reduction(_ parameters: [NamedParameter]) throws -> GradientReduction {
    try GradientReduction(parameters, ranks)
  }

  /// The sum over ranks of what `compute` returns; gradients are summed, too.
  ///
  /// - Throws: as `parts`.
  func summed(_ reduction: GradientReduction, work: UInt64, _ compute: () throws -> Double) throws -> Double {
    let own = Result {
      try Interruption.check()
      return try compute()
    }
    let share = (try? own.get()).map { [Int(truncatingIfNeeded: $0.bitPattern)] } ?? []
    let shares = try meet(own.failure, work: work, share)
    try exchanged {
      reduction.begin()
      try reduction.finish()
    }
    return shares.reduce(0) { $0 + Double(bitPattern: UInt64(truncatingIfNeeded: $1[0])) }
  }

  func requireSame(gradientNorm: Double) throws { try exchanged { try ranks.requireSame(gradientNorm: gradientNorm) } }

  /// The last meeting.
  ///
  /// - Parameter failure: what keeps this rank from going on.
  /// - Throws: `failure`; `RankFailure` where another rank cannot, `RanksError`.
  fileprivate func settle(_ failure: (any Error)?) throws {
    defer { haveParted = true }
    guard !haveParted else { return }
    _ = try meet(failure, work: 0, [])
  }

  fileprivate func requireSame(_ number: UInt64, _ what: String) throws {
    try exchanged { try ranks.requireSame(number, what) }
  }

  /// What each rank has to say of itself.
  private func meet(_ failure: (any Error)?, work: UInt64, _ numbers: [Int]) throws -> [[Int]] {
    guard !haveParted else { throw failure ?? RanksError("one of them failed, and they are no longer in step") }
    let kind = failure.map { ($0 as? any DescribedError)?.kind ?? .value }
    let own = [Int(kind?.rawValue ?? 0), Int(truncatingIfNeeded: work)] + numbers + [0, 0]
    let all = try exchanged { try ranks.gather(Array(own.prefix(4))) }
    if let failed = all.firstIndex(where: { $0[0] != 0 }) {
      haveParted = true
      let texts = try ranks.gather(RankFailure.bytes(failure))
      throw failure ?? RankFailure(rank: failed, kind: all[failed][0], texts[failed])
    }
    if let other = all.firstIndex(where: { $0[1] != all[0][1] }) {
      haveParted = true
      throw RanksError("rank \(other) encodes other images than rank 0, or by another protocol")
    }
    return all.map { Array($0[2...]) }
  }

  /// An exchange that fails is the last.
  private func exchanged<Value>(_ exchange: () throws -> Value) throws -> Value {
    do { return try exchange() } catch {
      haveParted = true
      throw error
    }
  }
}

extension Encoder {
  /// The same encoder as one of several ranks': whatever it makes of the images of a data set, they make together. All
  /// make the same calls, and get the bits that one would.
  ///
  /// - Throws: `RanksError` naming a rank that has another encoder or another instruction set, what the communicator
  ///   throws.
  public func joined(_ communicator: any Communicator) throws -> Encoder {
    let ranks = try EncodingRanks(communicator)
    try ranks.requireSame(textDigest(InstructionSet.current.rawValue), "another instruction set")
    try ranks.requireSame(textDigest(configuration.json.text()), "an encoder of other options")
    try ranks.requireSame(weightDigest(network.namedParameters().map { $0.parameter.tensor.buffer }), "other weights")
    return Encoder(configuration, network, pretrained: pretrained, ranks: ranks)
  }

  /// To be called on all ranks of a joined encoder when nothing more is to come, or when one cannot go on: all others
  /// then throw where they are.
  ///
  /// - Parameter failure: why this one cannot; nil where it can.
  /// - Throws: `failure`; `RankFailure` where another rank cannot go on, `RanksError`.
  public func settle(_ failure: (any Error)? = nil) throws { try ranks?.settle(failure) }

  /// Calls `take` with parts 0 ..< `count` of some images, in order. Of joined encoders each computes its share.
  ///
  /// - Parameter work: a digest of what is computed; another on each rank is an error.
  /// - Throws: what `compute` and `take` throw; of a joined encoder `RankFailure`, `RanksError`, `OutOfMemory`.
  public func eachPart(
    of count: Int, work: @autoclosure () -> UInt64, compute: (Int) throws -> EncodedImages,
    take: (Int, EncodedImages) throws -> Void
  ) throws {
    let work = ranks == nil ? 0 : work()
    for first in stride(from: 0, to: count, by: ranks?.size ?? 1) {
      let parts = try ranks?.parts(from: first, of: count, work: work, compute: compute) ?? [compute(first)]
      for (offset, part) in parts.enumerated() { try take(first + offset, part) }
    }
  }
}

/// What another rank could not do.
public struct RankFailure: DescribedError {
  public let kind: ErrorKind
  public let description: String

  public init(_ problem: String, kind: ErrorKind) { (description, self.kind) = (problem, kind) }

  fileprivate init(rank: Int, kind: Int, _ text: [UInt8]) {
    self.kind = ErrorKind(rawValue: Int32(truncatingIfNeeded: kind)) ?? .value
    description = "rank \(rank): \(String(decoding: text.prefix { $0 != 0 }, as: UTF8.self))"
  }

  /// As many for any error.
  fileprivate static func bytes(_ failure: (any Error)?) -> [UInt8] {
    let text = failure.map { Array("\($0)".utf8.prefix(mostBytes)) } ?? []
    return text + [UInt8](repeating: 0, count: mostBytes - text.count)
  }

  private static let mostBytes = 1024
}

extension Result {
  fileprivate var failure: (any Error)? {
    if case .failure(let error) = self { error } else { nil }
  }
}
