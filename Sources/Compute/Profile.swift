/// A profiler: for each kind of operation its time, floating-point operations and bytes moved. Measures nothing until
/// `start`; profiles one computation at a time.
public enum Profile {
  public struct Entry: Sendable {
    public var calls = 0
    public var seconds = 0.0
    /// Additions and multiplications of matrix products; other arithmetic is not counted.
    public var flops = 0.0
    /// Operands read and results written, each once: the least traffic if caches keep nothing between operations.
    public var bytes = 0.0
  }

  /// What an operation belongs to, such as "target encoder": a prefix of its name.
  @TaskLocal public static var part = ""

  private static let state = ForkSafe<[String: Entry]?>(nil)
  private nonisolated(unsafe) static var isOn = false

  public static func start() {
    state.withLock { $0 = [:] }
    isOn = true
  }

  /// Ends the profile and returns its entries by "part: operation".
  public static func stop() -> [String: Entry] {
    isOn = false
    return state.withLock { entries in
      defer { entries = nil }
      return entries ?? [:]
    }
  }

  /// Runs `body`, and measures it if a profile is running.
  public static func measure<Result>(
    _ operation: String, part: String? = nil, flops: Double = 0, bytes: Double = 0, _ body: () throws -> Result
  ) rethrows -> Result {
    guard isOn else { return try body() }
    let start = monotonicSeconds()
    let result = try body()
    let elapsed = monotonicSeconds() - start
    let owner = part ?? Self.part
    let name = owner.isEmpty ? operation : "\(owner): \(operation)"
    state.withLock { entries in
      var entry = entries?[name] ?? Entry()
      entry.calls += 1
      entry.seconds += elapsed
      entry.flops += flops
      entry.bytes += bytes
      entries?[name] = entry
    }
    return result
  }
}
