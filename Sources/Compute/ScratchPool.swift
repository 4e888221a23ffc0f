import Glibc

/// Calls `body(i, scratch)` for every i in 0 ..< `count`, in parallel, each call with `scratchCount` floats (undefined
/// contents) of its own.
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

/// Equal pieces of scratch memory for the tasks of one parallel region: a task takes a piece, works and gives it back.
/// There are as many as tasks can run at once; where the number of threads was raised meanwhile, a task waits for a
/// piece.
final class ScratchPool: Sendable {
  private let memory: Buffer
  private let free: ForkSafe<[UInt]>

  init(pieces: Int, count: Int) throws {
    let aligned = (max(count, 1) + 15) / 16 * 16
    memory = try Buffer(count: max(pieces, 1) * aligned)
    let start = memory.pointer
    free = ForkSafe((0..<max(pieces, 1)).map { UInt(bitPattern: start + $0 * aligned) })
  }

  func take() -> UnsafeMutablePointer<Float> {
    while true {
      let piece = free.withLock { $0.popLast() }
      if let piece, let pointer = UnsafeMutablePointer<Float>(bitPattern: piece) { return pointer }
      sched_yield()
    }
  }

  func giveBack(_ pointer: UnsafeMutablePointer<Float>) {
    free.withLock { $0.append(UInt(bitPattern: pointer)) }
  }
}
