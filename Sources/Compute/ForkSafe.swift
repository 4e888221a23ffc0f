import CKernels

/// A value behind a lock that works in forked children, too. The standard library's `Mutex` does not: it remembers the
/// thread's number, which is another one there, and stops the process when two threads meet at it.
///
/// A child that finds the lock held by a thread of its parent, which it does not have, takes it over and begins with
/// the first value again: the one it finds may be half changed.
public final class ForkSafe<Value>: @unchecked Sendable {
  private let initial: Value
  private let place = UnsafeMutablePointer<Value>.allocate(capacity: 1)
  private let word = UnsafeMutablePointer<lmk_lock>.allocate(capacity: 1)

  public init(_ value: Value) {
    initial = value
    place.initialize(to: value)
    word.initialize(to: lmk_lock(word: 0))
  }

  deinit {
    place.deinitialize(count: 1)
    place.deallocate()
    word.deallocate()
  }

  /// For the handlers of a fork: whoever holds it then must let go in parent and child.
  func lock() {
    guard lmk_lock(word) == 0 else { return }
    // What is there is left to leak: giving it back could meet its half-changed parts.
    place.initialize(to: initial)
  }

  func unlock() { lmk_unlock(word) }

  public func withLock<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
    lock()
    defer { unlock() }
    return try body(&place.pointee)
  }
}
