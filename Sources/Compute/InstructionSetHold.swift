import CKernels
import Glibc

/// A readers-writer lock: computations are its readers, changes of the instruction set its writers. A forked child
/// starts from zero, because its parent's other threads do not exist in it.
private struct Holds {
  var process: UInt32 = 0
  var computing = 0
  var waiting = 0

  mutating func forgetParent() {
    guard process != lmk_process_number() else { return }
    self = Holds(process: lmk_process_number())
  }
}

private let holds = ForkSafe(Holds())

extension InstructionSet {
  /// Whether this thread is inside `held`.
  @TaskLocal static var isHeld = false

  /// Runs `body` with the instruction set locked: sizes of scratch memory must agree with the kernels that use it.
  ///
  /// - Throws: what `body` throws.
  public static func held<Result>(_ body: () throws -> Result) rethrows -> Result {
    guard !isHeld else { return try body() }
    let process = enter()
    defer { leave(process) }
    return try $isHeld.withValue(true) { try body() }
  }

  /// Lets waiting writers go first: they would otherwise starve while computations overlap.
  private static func enter() -> UInt32 {
    while true {
      let process: UInt32? = holds.withLock { holds in
        holds.forgetParent()
        guard holds.waiting == 0 else { return nil }
        holds.computing += 1
        return holds.process
      }
      if let process { return process }
      usleep(pollMicroseconds)
    }
  }

  private static func leave(_ process: UInt32) {
    holds.withLock { holds in
      if holds.process == process { holds.computing -= 1 }
    }
  }

  /// Runs `body` while no thread is in `held`.
  static func whileNobodyHolds(_ body: () -> Void) throws {
    holds.withLock { holds in
      holds.forgetParent()
      holds.waiting += 1
    }
    defer { holds.withLock { $0.waiting -= 1 } }
    while true {
      let isDone = holds.withLock { holds in
        guard holds.computing == 0 else { return false }
        body()
        return true
      }
      if isDone { return }
      try Interruption.check()
      usleep(pollMicroseconds)
    }
  }

  private static let pollMicroseconds: UInt32 = 100
}
