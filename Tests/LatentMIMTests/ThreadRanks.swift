import Foundation

@testable import LatentMIM

/// Ranks that are threads of one process: an exchange ends when all have started it.
final class ThreadRanks: @unchecked Sendable {
  private let size: Int
  private let monitor = NSCondition()
  /// By its number, what each rank has started; those that all have are carried out at once.
  private var begun: [Int: [Int: Exchange]] = [:]
  private var ended: Set<Int> = []
  /// What each exchange was, in the order of their ends.
  private(set) var kinds: [String] = []

  init(_ size: Int) { self.size = size }

  func communicator(_ rank: Int) -> any Communicator { Member(self, rank) }

  private final class Member: Communicator, @unchecked Sendable {
    let rank: Int
    let all: ThreadRanks
    var size: Int { all.size }
    var started = 0

    init(_ all: ThreadRanks, _ rank: Int) { (self.all, self.rank) = (all, rank) }

    func start(_ exchange: Exchange) -> Int {
      started += 1
      all.begin(started, rank, exchange)
      return started
    }

    func finish(_ request: Int, waits: Bool) -> Bool { all.hasEnded(request, waits: waits) }
  }

  private func begin(_ number: Int, _ rank: Int, _ exchange: Exchange) {
    monitor.lock()
    defer { monitor.unlock() }
    begun[number, default: [:]][rank] = exchange
    guard let all = begun[number], all.count == size else { return }
    carryOut((0..<size).compactMap { all[$0] })
    begun[number] = nil
    ended.insert(number)
    monitor.broadcast()
  }

  private func hasEnded(_ number: Int, waits: Bool) -> Bool {
    monitor.lock()
    defer { monitor.unlock() }
    while waits, !ended.contains(number) { monitor.wait() }
    return ended.contains(number)
  }

  private func carryOut(_ exchanges: [Exchange]) {
    switch exchanges[0] {
    case .sum: sum(exchanges)
    case .gather: gather(exchanges)
    case .allToAll: allToAll(exchanges)
    }
  }

  private func sum(_ exchanges: [Exchange]) {
    let all = exchanges.compactMap { if case .sum(let values) = $0 { values } else { nil } }
    for index in all[0].indices {
      let sum = all.reduce(0) { $0 + $1[index] }
      for values in all { values[index] = sum }
    }
    kinds.append("sum")
  }

  private func gather(_ exchanges: [Exchange]) {
    let all = exchanges.compactMap { if case .gather(let sent, let received) = $0 { (sent, received) } else { nil } }
    for (_, received) in all {
      for (rank, (sent, _)) in all.enumerated() {
        UnsafeMutableRawBufferPointer(rebasing: received[(rank * sent.count)...]).copyMemory(from: sent)
      }
    }
    kinds.append("gather")
  }

  private func allToAll(_ exchanges: [Exchange]) {
    let all = exchanges.compactMap { if case .allToAll(let sent, let received) = $0 { (sent, received) } else { nil } }
    let part = all[0].0.count / size
    for (to, (_, received)) in all.enumerated() {
      for (from, (sent, _)) in all.enumerated() {
        UnsafeMutableRawBufferPointer(rebasing: received[(from * part)...])
          .copyMemory(from: UnsafeRawBufferPointer(rebasing: sent[to * part..<(to + 1) * part]))
      }
    }
    kinds.append("allToAll")
  }

  /// What each rank's thread gives, in the order of ranks.
  func run<Result: Sendable>(_ body: @escaping @Sendable (any Communicator) throws -> Result) throws -> [Result] {
    let results = Results<Result>(size)
    let threads = (0..<size).map { rank in
      Thread { [self] in results.set(rank, Swift.Result { try body(communicator(rank)) }) }
    }
    for thread in threads {
      thread.stackSize = 8 << 20
      thread.start()
    }
    return try results.wait()
  }
}

/// Results of threads, waited for.
private final class Results<Value>: @unchecked Sendable {
  private let monitor = NSCondition()
  private var values: [Result<Value, any Error>?]

  init(_ count: Int) { values = Array(repeating: nil, count: count) }

  func set(_ index: Int, _ value: Result<Value, any Error>) {
    monitor.lock()
    values[index] = value
    monitor.broadcast()
    monitor.unlock()
  }

  func wait() throws -> [Value] {
    monitor.lock()
    defer { monitor.unlock() }
    while values.contains(where: { $0 == nil }) { monitor.wait() }
    return try values.compactMap { try $0?.get() }
  }
}
