import CKernels

/// How many threads compute, the caller's included. Results do not depend on it: work is cut the same way for any
/// number.
public var threadCount: Int {
  get { Int(lmk_thread_count()) }
  set { lmk_set_thread_count(Int32(clamping: newValue)) }
}

/// Computes with so many threads from now on.
///
/// - Throws: `ArgumentError` outside 1 … 256.
public func setThreadCount(_ count: Int) throws {
  guard (1...256).contains(count) else { throw ArgumentError("thread count is \(count), wanted 1 … 256") }
  threadCount = count
}

/// Calls `body(i)` once for every i in 0 ..< `count`, on the pool's threads, in any order. Returns when all are done.
///
/// Nothing is called in a dry run. Bodies must write to disjoint memory. A call inside another, or from a second thread
/// while one runs, is done by its caller alone.
public func parallel(_ count: Int, _ body: (Int) -> Void) {
  // Initialised before threads could meet at it: the language's way of doing that hangs in forked children.
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
///   - rows: how many rows there are.
///   - cost: elements touched per row; a range holds enough rows to be worth handing out.
public func parallelRows(_ rows: Int, cost: Int, _ body: (Range<Int>) -> Void) {
  let chunks = RowChunks(rows: rows, cost: cost)
  parallel(chunks.count) { body(chunks[$0]) }
}

/// The cut that `parallelRows` makes, as a value: for operations that keep a partial sum per chunk.
public struct RowChunks: Sendable {
  public let rows: Int
  public let rowsPerChunk: Int

  /// Elements a chunk holds at least: some ten microseconds of work.
  private static let elementsPerChunk = 16384
  /// Chunks at most: enough to balance many cores.
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
