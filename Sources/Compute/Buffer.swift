import Glibc

/// Memory for values, taken from the arena and given back when the last reference goes. Its contents start undefined.
public final class Buffer: @unchecked Sendable {
  public let raw: UnsafeMutableRawPointer
  public let count: Int
  public let element: Element
  private let sizeClass: Int

  /// - Throws: `OutOfMemory` where the system has none left.
  public init(count: Int, element: Element = .float32) throws {
    // No address space holds more, and below it sizes can be computed without overflow.
    guard count < Int.max / 16 else { throw OutOfMemory(bytes: .max, bytesInUse: Arena.shared.statistics.bytesInUse) }
    self.count = count
    self.element = element
    sizeClass = Arena.sizeClass(bytes: max(count, 1) * element.size)
    raw = try Arena.shared.take(sizeClass)
  }

  /// The values of a float32 buffer.
  public var pointer: UnsafeMutablePointer<Float> {
    precondition(element == .float32, "these numbers are not float32")
    return raw.assumingMemoryBound(to: Float.self)
  }

  /// The address of value number `index`.
  public func address(_ index: Int) -> UnsafeMutableRawPointer { raw + index * element.size }

  /// A buffer whose elements are all `value`.
  public convenience init(count: Int, repeating value: Float) throws {
    try self.init(count: count)
    pointer.update(repeating: value, count: count)
  }

  /// A buffer that holds a copy of `values`.
  public convenience init(_ values: some Collection<Float>) throws {
    try self.init(count: values.count)
    _ = UnsafeMutableBufferPointer(start: pointer, count: count).update(fromContentsOf: values)
  }

  deinit { Arena.shared.giveBack(raw, sizeClass) }

  public var values: UnsafeBufferPointer<Float> { UnsafeBufferPointer(start: pointer, count: count) }
}

/// There is no memory for a buffer: the system refused, or the machine has less than this and all other buffers take.
public struct OutOfMemory: DescribedError {
  public let kind = ErrorKind.memory
  public let bytes: Int
  /// Bytes of buffers in use at that moment.
  public let bytesInUse: Int
  public var description: String { "out of memory: \(bytes) bytes wanted beside \(bytesInUse) in use" }
}

/// What the arena has done so far.
public struct ArenaStatistics: Sendable, Equatable {
  /// Blocks asked of the system since the start.
  public internal(set) var allocations = 0
  /// Bytes in use, and the most there ever were.
  public internal(set) var bytesInUse = 0
  public internal(set) var peakBytesInUse = 0
  /// Bytes kept for reuse.
  public internal(set) var bytesKept = 0

  fileprivate mutating func use(_ bytes: Int) {
    bytesInUse += bytes
    peakBytesInUse = max(peakBytesInUse, bytesInUse)
  }
}

/// Keeps the blocks that buffers give back, by size, so that from the second step on no page is touched for the first time: on a
/// fresh block that costs more than the work done on it.
public final class Arena: Sendable {
  public static let shared: Arena = {
    // A child forked while another thread holds the lock would wait for ever.
    pthread_atfork({ Arena.shared.state.lock() }, { Arena.shared.state.unlock() }, { Arena.shared.state.unlock() })
    return Arena()
  }()

  fileprivate struct State {
    var free: [Int: [UInt]] = [:]
    var statistics = ArenaStatistics()
  }
  fileprivate let state = ForkSafe(State())

  /// The size of block that serves `bytes`: up to an eighth more, so that near sizes share blocks.
  static func sizeClass(bytes: Int) -> Int {
    guard bytes > 512 else { return 512 }
    let step = max(1 << (Int.bitWidth - 1 - (bytes - 1).leadingZeroBitCount - 3), 64)
    return (bytes + step - 1) / step * step
  }

  func take(_ bytes: Int) throws -> UnsafeMutableRawPointer {
    let kept = state.withLock { state -> UInt? in
      guard let block = state.free[bytes]?.popLast() else { return nil }
      state.statistics.bytesKept -= bytes
      state.statistics.use(bytes)
      return block
    }
    if let kept, let pointer = UnsafeMutableRawPointer(bitPattern: kept) { return pointer }
    if !fits(bytes) { releaseKept() }
    guard fits(bytes), let fresh = Self.allocate(bytes) ?? allocateAfterRelease(bytes) else {
      throw OutOfMemory(bytes: bytes, bytesInUse: statistics.bytesInUse)
    }
    state.withLock { state in
      state.statistics.allocations += 1
      state.statistics.use(bytes)
    }
    return fresh
  }

  /// Whether the machine could hold `bytes` more. The system promises more memory than there is and kills whoever uses it: an error
  /// beforehand is kinder.
  private func fits(_ bytes: Int) -> Bool {
    let statistics = statistics
    return bytes <= Self.physicalBytes - statistics.bytesInUse - statistics.bytesKept
  }

  private static let physicalBytes = sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))

  private func allocateAfterRelease(_ bytes: Int) -> UnsafeMutableRawPointer? {
    releaseKept()
    return Self.allocate(bytes)
  }

  private static func allocate(_ bytes: Int) -> UnsafeMutableRawPointer? {
    let hugePage = 2 << 20
    var pointer: UnsafeMutableRawPointer?
    guard posix_memalign(&pointer, bytes >= hugePage ? hugePage : 64, bytes) == 0 else { return nil }
    if bytes >= hugePage { madvise(pointer, bytes, MADV_HUGEPAGE) }
    return pointer
  }

  func giveBack(_ pointer: UnsafeMutableRawPointer, _ bytes: Int) {
    state.withLock { state in
      state.free[bytes, default: []].append(UInt(bitPattern: pointer))
      state.statistics.bytesInUse -= bytes
      state.statistics.bytesKept += bytes
    }
  }

  /// Gives all kept blocks back to the system.
  public func releaseKept() {
    let blocks = state.withLock { state in
      let blocks = state.free.values.flatMap { $0 }
      state.free = [:]
      state.statistics.bytesKept = 0
      return blocks
    }
    for block in blocks { free(UnsafeMutableRawPointer(bitPattern: block)) }
  }

  public var statistics: ArenaStatistics { state.withLock { $0.statistics } }
}
