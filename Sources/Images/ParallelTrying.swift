import Compute

/// Calls `body` for 0 ..< count on the compute pool's threads.
///
/// - Throws: the error of the lowest number that failed; the others are called all the same.
func parallelTrying(_ count: Int, _ body: (Int) throws -> Void) throws {
  let failure = ForkSafe<(number: Int, error: any Error)?>(nil)
  parallel(count) { number in
    do {
      try body(number)
    } catch {
      failure.withLock { first in
        if number < first?.number ?? count { first = (number, error) }
      }
    }
  }
  if let error = failure.withLock({ $0?.error }) { throw error }
}
