import CKernels

/// A value behind a lock that also works in forked children. The standard library's `Mutex` does not: it caches the
/// thread id, which is different in the child, and traps under contention.
///
/// If another thread of the parent held the lock at the fork, the child takes the lock over and resets the value to the
/// initial one, because the value it finds may be half changed.
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

  /// For fork handlers, which lock before the fork and unlock in parent and child.
  func lock() {
    guard lmk_lock(word) == 0 else { return }
    // Overwritten without being destroyed: a half-changed value is better leaked.
    place.initialize(to: initial)
  }

  func unlock() { lmk_unlock(word) }

  public func withLock<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
    lock()
    defer { unlock() }
    return try body(&place.pointee)
  }
}
