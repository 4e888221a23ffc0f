import CKernels
import Glibc

/// Who computes, and who waits for the end of that to change the instruction set. Counts of an earlier process of a
/// line of forks say nothing: its threads are not here.
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

  /// Runs `body`, during which the instruction set stays what it is: sizes of scratch memory and the kernels that use
  /// it must agree.
  ///
  /// - Throws: what `body` throws.
  public static func held<Result>(_ body: () throws -> Result) rethrows -> Result {
    guard !isHeld else { return try body() }
    let process = enter()
    defer { leave(process) }
    return try $isHeld.withValue(true) { try body() }
  }

  /// Waits behind whoever wants to change the set, who would else wait for ever for a gap between computations.
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
