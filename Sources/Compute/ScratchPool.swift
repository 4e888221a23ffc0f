import Glibc

/// Calls `body(i, scratch)` for every i in 0 ..< `count`, in parallel, each call with its own `scratchCount` floats of
/// undefined contents.
///
/// - Throws: `OutOfMemory`.
public func parallelWithScratch(
  _ count: Int, scratchCount: Int, _ body: (Int, UnsafeMutablePointer<Float>) -> Void
) throws {
  let pool = try ScratchPool(pieces: min(count, threadCount), count: scratchCount)
  parallel(count) { index in
    let piece = pool.take()
    body(index, piece)
    pool.giveBack(piece)
  }
}

/// Equal pieces of scratch memory for the tasks of one parallel region: a task takes a piece and gives it back at its
/// end. There is one per thread; if the number of threads is raised meanwhile, a task waits for a free piece.
final class ScratchPool: Sendable {
  private let memory: Buffer
  /// A stack of the indices of free pieces. Not an array, which could allocate inside a parallel region.
  private let numbers: Buffer
  private let freeCount: ForkSafe<Int>
  private let size: Int

  init(pieces: Int, count: Int) throws {
    let pieces = max(pieces, 1)
    size = wholeVectors(max(count, 1))
    let (total, overflows) = pieces.multipliedReportingOverflow(by: size)
    memory = try Buffer(count: overflows ? .max : total)
    numbers = try Buffer(count: pieces)
    freeCount = ForkSafe(pieces)
    for piece in 0..<pieces { slots[piece] = Int32(piece) }
  }

  private var slots: UnsafeMutablePointer<Int32> { numbers.raw.assumingMemoryBound(to: Int32.self) }

  func take() -> UnsafeMutablePointer<Float> {
    while true {
      let piece: Int32 = freeCount.withLock { count in
        guard count > 0 else { return -1 }
        count -= 1
        return slots[count]
      }
      if piece >= 0 { return memory.pointer + Int(piece) * size }
      sched_yield()
    }
  }

  func giveBack(_ pointer: UnsafeMutablePointer<Float>) {
    let piece = Int32((pointer - memory.pointer) / size)
    freeCount.withLock { count in
      slots[count] = piece
      count += 1
    }
  }
}
