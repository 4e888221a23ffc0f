import CKernels

/// The number of threads that compute, the caller's included. Results do not depend on it, because the way work is cut
/// does not.
public var threadCount: Int {
  get { Int(lmk_thread_count()) }
  set { lmk_set_thread_count(Int32(clamping: newValue)) }
}

/// The processors that this thread may run on now: fewer than the machine has in a container, under taskset or where a
/// launcher of MPI binds it.
public var usableProcessors: Int { Int(lmk_usable_processors()) }

/// Sets the number of threads that compute.
///
/// - Throws: `ArgumentError` outside 1 … 256.
public func setThreadCount(_ count: Int) throws {
  guard (1...256).contains(count) else { throw ArgumentError("thread count is \(count), wanted 1 … 256") }
  threadCount = count
}

/// Calls `body(i)` once for every i in 0 ..< `count`, on the pool's threads, in any order. Returns when all are done.
///
/// Calls nothing in a dry run. Bodies must write to disjoint memory. A nested call, or one from a second thread while
/// another runs, is executed by its caller alone.
public func parallel(_ count: Int, _ body: (Int) -> Void) {
  // Initialised before threads can race for it: Swift's lazy initialisation of globals deadlocks in forked children.
  _ = configuredBLAS
  guard !DryRun.isOn else { return }
  guard count > 1 else {
    if count == 1 { body(0) }
    return
  }
  withoutActuallyEscaping(body) { escaping in
    var context = ParallelContext(body: escaping)
    withUnsafeMutablePointer(to: &context) { pointer in
      lmk_parallel(
        count,
        { context, index in
          context!.assumingMemoryBound(to: ParallelContext.self).pointee.body(index)
        }, pointer)
    }
  }
}

private struct ParallelContext {
  let body: (Int) -> Void
}

/// Cuts 0 ..< `rows` into ranges and calls `body` for each, in parallel. The cut depends on the sizes alone, never on
/// the number of threads, so that partial sums of a chunk are the same on every machine.
///
/// - Parameters:
///   - rows: the number of rows.
///   - cost: elements touched per row; ranges hold enough rows to amortise the overhead of a task.
public func parallelRows(_ rows: Int, cost: Int, _ body: (Range<Int>) -> Void) {
  let chunks = RowChunks(rows: rows, cost: cost)
  parallel(chunks.count) { body(chunks[$0]) }
}

/// The cut of `parallelRows` as a value, for operations that keep a partial sum per chunk.
public struct RowChunks: Sendable {
  public let rows: Int
  public let rowsPerChunk: Int

  /// Fewest elements of a chunk: about ten microseconds of work.
  private static let elementsPerChunk = 16384
  /// Most chunks: enough to balance the load of many cores.
  private static let mostChunks = 256

  public init(rows: Int, cost: Int) {
    self.rows = rows
    let worthwhile = (Self.elementsPerChunk + max(cost, 1) - 1) / max(cost, 1)
    rowsPerChunk = max(worthwhile, (rows + Self.mostChunks - 1) / Self.mostChunks, 1)
  }

  public var count: Int { (rows + rowsPerChunk - 1) / rowsPerChunk }

  public subscript(index: Int) -> Range<Int> {
    index * rowsPerChunk..<min(rows, (index + 1) * rowsPerChunk)
  }
}
