import Glibc

/// What the arena has done so far.
public struct ArenaStatistics: Sendable, Equatable {
  /// Requests that kept memory could not serve wholly.
  public internal(set) var allocations = 0
  /// Bytes in use, and the most there ever were.
  public internal(set) var bytesInUse = 0
  public internal(set) var peakBytesInUse = 0
  /// Bytes kept for reuse.
  public internal(set) var bytesKept = 0
}

/// Where buffers come from. Memory that was touched once is used again, from step to step: on a fresh page the first
/// touch costs more than the work done on it. Small blocks are kept by size; large ones are cut out of a few segments
/// and joined again when they are given back, so that the memory taken stays close to the most that was ever in use.
public final class Arena: Sendable {
  public static let shared: Arena = {
    // A child forked while another thread holds the lock would wait for ever.
    pthread_atfork({ Arena.shared.state.lock() }, { Arena.shared.state.unlock() }, { Arena.shared.state.unlock() })
    return Arena()
  }()

  private struct State {
    var small: [Int: [UInt]] = [:]
    var smallKept = 0
    var segments: [Segment] = []
    var allocations = 0
    var bytesInUse = 0
    var peak = 0
    /// The most in use since a dry run began.
    var recentPeak = 0
    /// Address space that a dry run takes is not memory.
    var dryRuns = 0

    mutating func use(_ bytes: Int) {
      bytesInUse += bytes
      peak = dryRuns > 0 ? peak : max(peak, bytesInUse)
      recentPeak = max(recentPeak, bytesInUse)
    }
  }
  private let state = ForkSafe(State())

  /// From here on blocks are cut out of segments.
  private static let large = 256 << 10
  private static let page = 4096

  /// The size of block that serves `bytes`: of small ones up to an eighth more, so that near sizes share blocks; of
  /// large ones whole pages.
  static func blockSize(bytes: Int) -> Int {
    guard bytes > 512 else { return 512 }
    guard bytes < large else { return (bytes + page - 1) / page * page }
    let step = max(1 << (Int.bitWidth - 1 - (bytes - 1).leadingZeroBitCount - 3), 64)
    return (bytes + step - 1) / step * step
  }

  func take(_ bytes: Int) throws -> UnsafeMutableRawPointer {
    let found = state.withLock { bytes < Self.large ? takeSmall(bytes, &$0) : takeLarge(bytes, &$0) }
    guard let pointer = found else { throw OutOfMemory(bytes: bytes, bytesInUse: statistics.bytesInUse) }
    return pointer
  }

  private func takeSmall(_ bytes: Int, _ state: inout State) -> UnsafeMutableRawPointer? {
    if let block = state.small[bytes]?.popLast() {
      state.smallKept -= bytes
      state.use(bytes)
      return UnsafeMutableRawPointer(bitPattern: block)
    }
    var pointer: UnsafeMutableRawPointer?
    guard fits(bytes, &state), posix_memalign(&pointer, 64, bytes) == 0 else { return nil }
    state.allocations += 1
    state.use(bytes)
    return pointer
  }

  private func takeLarge(_ bytes: Int, _ state: inout State) -> UnsafeMutableRawPointer? {
    if let place = bestPlace(bytes, state.segments), place.fresh == 0 || fits(place.fresh, &state) {
      // Memory may have been released meanwhile, and segments with it.
      if place.fresh == 0 || state.segments.indices.contains(place.segment) {
        if let pointer = state.segments[place.segment].take(bytes) {
          state.allocations += place.fresh > 0 ? 1 : 0
          state.use(bytes)
          return pointer
        }
      }
    }
    guard fits(bytes, &state), var segment = Segment(atLeast: bytes), let pointer = segment.take(bytes) else {
      return nil
    }
    state.segments.append(segment)
    state.allocations += 1
    state.use(bytes)
    return pointer
  }

  /// The segment that serves a request with the least fresh memory, and of those the one with the tightest gap.
  private func bestPlace(_ bytes: Int, _ segments: [Segment]) -> (segment: Int, fresh: Int)? {
    var best: (segment: Int, fresh: Int, gap: Int)?
    for (index, segment) in segments.enumerated() {
      guard let place = segment.place(for: bytes) else { continue }
      if let found = best, (found.fresh, found.gap) <= (place.fresh, place.gap) { continue }
      best = (index, place.fresh, place.gap)
    }
    return best.map { ($0.segment, $0.fresh) }
  }

  /// Whether the machine could hold `bytes` more; if not, once kept memory is given back. The system promises more
  /// memory than there is and kills whoever uses it: an error beforehand is kinder.
  private func fits(_ bytes: Int, _ state: inout State) -> Bool {
    func doesFit() -> Bool {
      state.dryRuns > 0 || bytes <= Self.physicalBytes - state.bytesInUse - kept(state)
    }
    if doesFit() { return true }
    release(&state)
    return doesFit()
  }

  /// Of the machine, or of the container.
  static let physicalBytes = MemoryLimit.memory.bytes

  private func kept(_ state: State) -> Int {
    state.smallKept + state.segments.reduce(0) { $0 + $1.touched - $1.bytesInUse }
  }

  func giveBack(_ pointer: UnsafeMutableRawPointer, _ bytes: Int) {
    state.withLock { state in
      state.bytesInUse -= bytes
      if bytes < Self.large {
        state.small[bytes, default: []].append(UInt(bitPattern: pointer))
        state.smallKept += bytes
      } else if let index = state.segments.firstIndex(where: { $0.contains(pointer) }) {
        state.segments[index].giveBack(pointer, bytes)
      }
    }
  }

  /// Gives kept memory back to the system, as far as nothing in use lies behind it.
  public func releaseKept() { state.withLock { release(&$0) } }

  private func release(_ state: inout State) {
    for block in state.small.values.joined() { free(UnsafeMutableRawPointer(bitPattern: block)) }
    state.small = [:]
    state.smallKept = 0
    for index in state.segments.indices.reversed() {
      if state.segments[index].bytesInUse == 0 {
        state.segments.remove(at: index).unmap()
      } else {
        state.segments[index].trim()
      }
    }
  }

  /// Address space taken from the system that is not in use.
  var reservedBytes: Int {
    state.withLock { state in state.smallKept + state.segments.reduce(0) { $0 + $1.size - $1.bytesInUse } }
  }

  public var statistics: ArenaStatistics {
    state.withLock { state in
      ArenaStatistics(
        allocations: state.allocations, bytesInUse: state.bytesInUse, peakBytesInUse: state.peak, bytesKept: kept(state)
      )
    }
  }
}

extension Arena {
  /// The most bytes in use while `body` runs, beyond those in use before. Nothing of it may be touched: see `DryRun`.
  func dryPeak(_ body: () throws -> Void) rethrows -> Int {
    let before = state.withLock { state in
      state.dryRuns += 1
      state.recentPeak = state.bytesInUse
      return state.bytesInUse
    }
    defer {
      state.withLock { state in
        state.dryRuns -= 1
        for index in state.segments.indices { state.segments[index].trim() }
      }
    }
    try body()
    return state.withLock { $0.recentPeak } - before
  }
}
