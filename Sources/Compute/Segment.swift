import Glibc

/// A mapping of address space that large blocks are cut out of. The system backs its pages with memory at first touch.
struct Segment {
  private let start: UnsafeMutableRawPointer
  let size: Int
  /// Bytes from the start up to the end of the furthest block ever handed out, and bytes in use.
  private(set) var touched = 0
  private(set) var bytesInUse = 0
  /// Free spans in order of address, adjacent ones merged. The last one includes what was never handed out.
  private var free: [Span]

  private struct Span {
    var offset: Int
    var length: Int
    var end: Int { offset + length }
  }

  private static let leastSize = 1 << 30
  private static let hugePage = 2 << 20

  /// Maps address space for at least `bytes`; nil if the system refuses.
  init?(atLeast bytes: Int) {
    let wanted = (max(bytes, Self.leastSize) + Self.hugePage - 1) / Self.hugePage * Self.hugePage
    let exact = (bytes + Self.hugePage - 1) / Self.hugePage * Self.hugePage
    guard let (base, size) = Self.map(wanted) ?? Self.map(exact) else { return nil }
    start = base
    self.size = size
    free = [Span(offset: 0, length: size)]
    madvise(start, size, MADV_HUGEPAGE)
  }

  /// A mapping aligned to huge pages: maps more, and unmaps what lies before and behind.
  private static func map(_ size: Int) -> (UnsafeMutableRawPointer, Int)? {
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
    guard let base = mmap(nil, size + hugePage, PROT_READ | PROT_WRITE, flags, -1, 0), base != MAP_FAILED else {
      return nil
    }
    let skipped = (hugePage - Int(bitPattern: base) % hugePage) % hugePage
    if skipped > 0 { munmap(base, skipped) }
    if skipped < hugePage { munmap(base + skipped + size, hugePage - skipped) }
    return (base + skipped, size)
  }

  func unmap() { munmap(start, size) }

  func contains(_ pointer: UnsafeMutableRawPointer) -> Bool { pointer >= start && pointer < start + size }

  /// How much fresh memory a block would need here, and how much of its gap it would leave free.
  func place(for bytes: Int) -> (fresh: Int, gap: Int)? {
    span(for: bytes).map { (max(free[$0].offset + bytes - touched, 0), free[$0].length - bytes) }
  }

  /// The tightest free span of memory that was touched before, else the last span.
  private func span(for bytes: Int) -> Int? {
    var best: Int?
    for (index, span) in free.enumerated() where span.length >= bytes && span.offset + bytes <= touched {
      let usable = min(span.end, touched) - span.offset
      if let found = best, min(free[found].end, touched) - free[found].offset <= usable { continue }
      best = index
    }
    if let best { return best }
    return free.last.map { $0.length >= bytes } == true ? free.count - 1 : nil
  }

  mutating func take(_ bytes: Int) -> UnsafeMutableRawPointer? {
    guard let index = span(for: bytes) else { return nil }
    let offset = free[index].offset
    free[index].offset += bytes
    free[index].length -= bytes
    if free[index].length == 0 { free.remove(at: index) }
    touched = max(touched, offset + bytes)
    bytesInUse += bytes
    return start + offset
  }

  mutating func giveBack(_ pointer: UnsafeMutableRawPointer, _ bytes: Int) {
    let offset = pointer - start
    bytesInUse -= bytes
    let next = free.firstIndex { $0.offset > offset } ?? free.count
    let joinsNext = next < free.count && free[next].offset == offset + bytes
    if next > 0, free[next - 1].end == offset {
      free[next - 1].length += bytes + (joinsNext ? free[next].length : 0)
      if joinsNext { free.remove(at: next) }
    } else if joinsNext {
      free[next].offset = offset
      free[next].length += bytes
    } else {
      free.insert(Span(offset: offset, length: bytes), at: next)
    }
  }

  /// Returns the memory behind the last block in use to the system.
  mutating func trim() {
    guard let last = free.last, last.end == size, last.offset < touched else { return }
    madvise(start + last.offset, touched - last.offset, MADV_DONTNEED)
    touched = last.offset
  }
}
