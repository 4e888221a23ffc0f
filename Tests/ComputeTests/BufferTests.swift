import Synchronization
import TestSupport
import Testing

@testable import Compute
import Glibc

@Suite struct BufferTests {
  @Test func contents() throws {
    #expect(try Array(Buffer([1, 2, 3]).values) == [1, 2, 3])
    #expect(try Array(Buffer(count: 3, repeating: 7).values) == [7, 7, 7])
    #expect(try Buffer(count: 0).values.isEmpty)
    #expect(try UInt(bitPattern: Buffer(count: 1).pointer) % 64 == 0)
    #expect(try UInt(bitPattern: Buffer(count: 1 << 19).pointer) % 4096 == 0)
  }

  @Test func blocksWasteAtMostAnEighth() {
    for bytes in Array(1...5000) + [1 << 20, 1 << 20 + 1, 3 << 21 - 1, 1 << 40 + 12345] {
      let given = Arena.blockSize(bytes: bytes)
      #expect(given >= bytes && given % 64 == 0)
      #expect(bytes <= 512 ? given == 512 : given <= bytes + bytes / 8 + 64, "\(bytes): \(given)")
    }
  }

  /// A second round of the same requests touches no new memory.
  @Test func steadyStateAllocatesNothing() throws {
    let arena = Arena()
    let sizes = [512, 1024, 1024, 4096, 3 << 20].map(Arena.blockSize)
    func round() throws {
      let blocks = try sizes.map { ($0, try arena.take($0)) }
      #expect(Set(blocks.map(\.1)).count == sizes.count)
      for (size, block) in blocks { arena.giveBack(block, size) }
    }
    try round()
    let after = arena.statistics
    try round()
    #expect(arena.statistics == after)
    #expect(after.allocations == sizes.count && after.bytesInUse == 0)
    #expect(after.bytesKept == sizes.reduce(0, +) && after.peakBytesInUse == after.bytesKept)
    arena.releaseKept()
    #expect(arena.statistics.bytesKept == 0)
  }

  /// Large blocks that were given back serve larger and smaller ones: together they take what the most in use at once
  /// took.
  @Test func largeBlocksAreJoinedAndCut() throws {
    let arena = Arena()
    let mebibyte = 1 << 20
    let first = try (1...4).map { _ in try arena.take(2 * mebibyte) }
    for index in [1, 3, 0, 2] { arena.giveBack(first[index], 2 * mebibyte) }
    let taken = arena.statistics
    let whole = try arena.take(8 * mebibyte)
    #expect(whole == first[0])
    arena.giveBack(whole, 8 * mebibyte)
    let pieces = try (0..<8).map { _ in try arena.take(mebibyte) }
    #expect(Set(pieces).count == 8 && pieces.allSatisfy { $0 >= whole && $0 < whole + 8 * mebibyte })
    #expect(arena.statistics.allocations == taken.allocations && arena.statistics.bytesKept == 0)
    for piece in pieces { memset(piece, 1, mebibyte) }
    // The tightest gap is taken: the single one at the end, not the pair in front.
    for index in [1, 2, 7] { arena.giveBack(pieces[index], mebibyte) }
    #expect(try arena.take(mebibyte) == pieces[7])
    #expect(try arena.take(2 * mebibyte) == pieces[1])
  }

  @Test func absurdSizesThrow() throws {
    let error = try #require(throws: OutOfMemory.self) { _ = try Buffer(count: 1 << 58) }
    #expect(error.bytes == 1 << 60)
    #expect(error.kind == .memory && error.description.contains("\(1 << 60)"))
    // More than this machine has, in pieces that the system would promise one by one.
    let gigabytes = (sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))) >> 30
    #expect(throws: OutOfMemory.self) { _ = try (0...gigabytes).map { _ in try Buffer(count: 1 << 28) } }
    #expect(throws: OutOfMemory.self) { _ = try Buffer(count: 1 << 61) }
    #expect(throws: OutOfMemory.self) { _ = try Buffer(count: .max) }
  }

  @Test func refusedRequestsDoNotCount() throws {
    let arena = Arena()
    #expect(throws: OutOfMemory.self) { _ = try arena.take(1 << 60) }
    #expect(arena.statistics == ArenaStatistics())
  }

  @Test func scratchPiecesAreDisjoint() throws {
    let written = Mutex(0)
    try Machine.onEachThreadCount { _ in
      try parallelWithScratch(100, scratchCount: 177) { index, scratch in
        for i in 0..<177 { scratch[i] = Float(index) }
        let isMine = (0..<177).allSatisfy { scratch[$0] == Float(index) }
        written.withLock { $0 += isMine ? 1 : 0 }
      }
    }
    #expect(written.withLock { $0 } == 300)
  }
}
