import Compute
import Glibc
import Synchronization
import TestSupport
import Testing

/// How often each index was called: every index has a place of its own, as bodies of parallel regions must.
private struct Calls {
  private let counts: Buffer

  init(_ count: Int) throws { counts = try Buffer(count: count, repeating: 0) }

  func record(_ index: Int) { counts.pointer[index] += 1 }
  var eachOnce: Bool { counts.values.allSatisfy { $0 == 1 } }
}

@Suite struct ParallelTests {
  @Test(arguments: [0, 1, 2, 3, 17, 177, 10_000])
  func everyIndexOnce(count: Int) throws {
    try Machine.onEachThreadCount { _ in
      for _ in 0..<20 {
        let calls = try Calls(count)
        parallel(count) { calls.record($0) }
        #expect(calls.eachOnce)
      }
    }
  }

  /// After a pause the workers sleep; each region must wake them and lose nothing.
  @Test func regionsAfterSleep() throws {
    try Machine.onEachThreadCount(of: [2, 3]) { _ in
      for pause in [0, 50, 100, 200] as [UInt32] {
        for _ in 0..<20 {
          usleep(pause)
          let calls = try Calls(17)
          parallel(17) { calls.record($0) }
          #expect(calls.eachOnce)
        }
      }
    }
  }

  @Test func nestedRegions() throws {
    try Machine.onEachThreadCount { _ in
      let calls = try Calls(17 * 17)
      parallel(17) { outer in
        parallel(17) { calls.record(outer * 17 + $0) }
      }
      #expect(calls.eachOnce)
    }
  }

  /// Both threads want the pool: one gets it, the other works alone.
  @Test func twoThreadsAtOnce() {
    Machine.onEachThreadCount(of: [3]) { _ in
      let work = { @Sendable in
        for _ in 0..<200 {
          guard let calls = try? Calls(177) else { return false }
          parallel(177) { calls.record($0) }
          guard calls.eachOnce else { return false }
        }
        return true
      }
      let other = Thread(work)
      #expect(work())
      #expect(other.join())
    }
  }

  /// Workers that a larger count started take no part after it was lowered.
  @Test func loweredThreadCount() {
    Machine.onEachThreadCount(of: [4, 2, 3, 1]) { threads in
      #expect(threadCount == threads)
      let inside = Atomic(0)
      let most = Atomic(0)
      for _ in 0..<20 {
        parallel(64) { _ in
          most.max(inside.wrappingAdd(1, ordering: .relaxed).newValue, ordering: .relaxed)
          usleep(10)
          inside.wrappingSubtract(1, ordering: .relaxed)
        }
      }
      #expect(most.load(ordering: .relaxed) <= threads)
    }
  }

  @Test func threadCountIsClamped() {
    Machine.onEachThreadCount(of: [-1, 0, 1 << 40]) { wanted in
      #expect(threadCount == (wanted < 1 ? 1 : 256))
      threadCount = 1
    }
  }

  /// A forked child has no workers and starts its own. Swift hides fork; sanitizers do not survive it.
  @Test(.enabled(if: getenv("LATENTMIM_NO_FORK") == nil)) func forkedChild() throws {
    typealias Fork = @convention(c) () -> pid_t
    let fork = unsafeBitCast(try #require(dlsym(nil, "fork")), to: Fork.self)
    try Machine.onEachThreadCount(of: [3]) { _ in
      parallel(177) { _ in }
      let calls = try Calls(177)
      let child = fork()
      if child == 0 {
        alarm(10)
        parallel(177) { calls.record($0) }
        _exit(calls.eachOnce ? 0 : 1)
      }
      var status: Int32 = -1
      waitpid(child, &status, 0)
      #expect(child > 0 && status == 0)
      parallel(177) { calls.record($0) }
      #expect(calls.eachOnce)
    }
  }
}

/// A thread of its own, and its answer.
private final class Thread {
  private final class Start: Sendable {
    let body: @Sendable () -> Bool
    let answer = Mutex(false)
    init(_ body: @escaping @Sendable () -> Bool) { self.body = body }
  }
  private let start: Start
  private var handle = pthread_t()

  init(_ body: @escaping @Sendable () -> Bool) {
    start = Start(body)
    let context = Unmanaged.passRetained(start).toOpaque()
    pthread_create(
      &handle, nil,
      { context in
        let start = Unmanaged<Start>.fromOpaque(context!).takeRetainedValue()
        let answer = start.body()
        start.answer.withLock { $0 = answer }
        return nil
      }, context)
  }

  func join() -> Bool {
    pthread_join(handle, nil)
    return start.answer.withLock { $0 }
  }
}
