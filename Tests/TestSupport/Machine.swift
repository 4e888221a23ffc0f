import CKernels
import Compute
import Glibc

/// What of the machine a test may choose. It belongs to the whole process, and tests run side by side: one chooses at a
/// time.
public enum Machine {
  private static let choice = RecursiveLock()

  /// Runs `body` while no other test changes the instruction set or the number of threads: for whatever compares bits.
  public static func undisturbed<Result>(_ body: () throws -> Result) rethrows -> Result {
    choice.lock()
    defer { choice.unlock() }
    return try body()
  }

  /// Runs `body` once for every instruction set this machine has, and puts the old one back.
  public static func onEachInstructionSet(_ body: (_ name: String) throws -> Void) rethrows {
    try undisturbed {
      let before = lmk_instruction_set()
      defer { _ = lmk_set_instruction_set(before) }
      let sets = [
        (LMK_PORTABLE, "portable"), (LMK_AVX2, "AVX2"), (LMK_AVX512, "AVX-512"),
        (LMK_AVX512BF16, "AVX-512 with bfloat16"), (LMK_AMX, "AMX"),
      ]
      for (set, name) in sets {
        guard lmk_set_instruction_set(Int32(set)) != 0 else { continue }
        try body(name)
      }
    }
  }

  /// Runs `body` once for every way of multiplying eight bits that each instruction set of this machine has, and goes
  /// back to the fastest.
  public static func onEachInt8Product(_ body: (_ name: String) throws -> Void) rethrows {
    let ways = [
      (LMK_PRODUCT_INT8_AVX2, "VPMADDUBSW"), (LMK_PRODUCT_INT8_AVXVNNI, "VPDPBUSD, 256 bits"),
      (LMK_PRODUCT_INT8, "VPDPBUSD, 512 bits"), (LMK_PRODUCT_INT8_AMX, "AMX tiles of bytes"),
    ]
    try onEachInstructionSet { set in
      defer { lmk_set_int8_product(-1) }
      for (way, name) in ways where lmk_set_int8_product(Int32(way)) != 0 { try body("\(set), \(name)") }
    }
  }

  /// Runs `body` with each number of threads, and puts the old one back.
  public static func onEachThreadCount(of counts: [Int] = [1, 2, 3], _ body: (Int) throws -> Void) rethrows {
    try undisturbed {
      let before = threadCount
      defer { threadCount = before }
      for count in counts {
        threadCount = count
        try body(count)
      }
    }
  }
}

/// A lock that the thread holding it may take again.
private final class RecursiveLock: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)

  init() {
    var attributes = pthread_mutexattr_t()
    pthread_mutexattr_init(&attributes)
    pthread_mutexattr_settype(&attributes, Int32(PTHREAD_MUTEX_RECURSIVE))
    pthread_mutex_init(mutex, &attributes)
  }

  func lock() { pthread_mutex_lock(mutex) }
  func unlock() { pthread_mutex_unlock(mutex) }
}
