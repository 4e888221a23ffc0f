import Glibc

/// Memory use of the arena so far.
public struct ArenaStatistics: Sendable, Equatable {
  /// Requests that needed new memory from the system.
  public internal(set) var allocations = 0
  /// Bytes in use, and their maximum so far.
  public internal(set) var bytesInUse = 0
  public internal(set) var peakBytesInUse = 0
  /// Free bytes cached for reuse.
  public internal(set) var bytesKept = 0
}

/// The caching allocator of buffers. Freed memory is reused from step to step, because a page fault on fresh memory
/// costs more than the work done there. Small blocks are cached by size; large ones are cut out of a few segments and
/// merged with free neighbours when freed, so that the memory held stays close to the peak in use.
public final class Arena: Sendable {
  public static let shared: Arena = {
    // A child forked while another thread holds the lock would wait forever.
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
    /// Peak bytes in use since the last dry run began.
    var recentPeak = 0
    /// Dry runs in progress. They only reserve address space, so memory limits do not apply to them.
    var dryRuns = 0

    mutating func use(_ bytes: Int) {
      bytesInUse += bytes
      peak = dryRuns > 0 ? peak : max(peak, bytesInUse)
      recentPeak = max(recentPeak, bytesInUse)
    }
  }
  private let state = ForkSafe(State())

  /// Blocks of at least this many bytes are cut out of segments.
  private static let large = 256 << 10
  private static let page = 4096

  /// The block size for a request: small ones are rounded up by at most an eighth, so that similar sizes share blocks;
  /// large ones to whole pages.
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
      // `fits` may have released memory, and segments with it.
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

  /// The segment that needs the least fresh memory for a request; among equals the one with the tightest gap.
  private func bestPlace(_ bytes: Int, _ segments: [Segment]) -> (segment: Int, fresh: Int)? {
    var best: (segment: Int, fresh: Int, gap: Int)?
    for (index, segment) in segments.enumerated() {
      guard let place = segment.place(for: bytes) else { continue }
      if let found = best, (found.fresh, found.gap) <= (place.fresh, place.gap) { continue }
      best = (index, place.fresh, place.gap)
    }
    return best.map { ($0.segment, $0.fresh) }
  }

  /// Whether the machine has room for `bytes` more, if need be after releasing cached memory. Linux overcommits and
  /// kills a process that uses more than there is; this check turns that into an error.
  private func fits(_ bytes: Int, _ state: inout State) -> Bool {
    func doesFit() -> Bool {
      state.dryRuns > 0 || bytes <= Self.physicalBytes - state.bytesInUse - kept(state)
    }
    if doesFit() { return true }
    release(&state)
    return doesFit()
  }

  /// Memory of the machine, or of the container.
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

  /// Returns cached memory to the system: all small blocks, and of each segment what lies behind its last block in use.
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

  /// Bytes of address space reserved from the system but not in use.
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
  /// The peak of bytes in use while `body` runs, minus those in use before. `body` must not touch its buffers: see
  /// `DryRun`.
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
