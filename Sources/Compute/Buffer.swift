import Glibc

/// Memory for values, taken from the arena and given back when the last reference goes. Its contents start undefined.
public final class Buffer: @unchecked Sendable {
  public let raw: UnsafeMutableRawPointer
  public let count: Int
  public let element: Element
  private let size: Int

  /// - Throws: `OutOfMemory` where the system has none left.
  public init(count: Int, element: Element = .float32) throws {
    // No address space holds more, and below it sizes can be computed without overflow.
    guard count < Int.max / 16 else { throw OutOfMemory(bytes: .max) }
    self.count = count
    self.element = element
    size = Arena.blockSize(bytes: max(count, 1) * element.size)
    raw = try Arena.shared.take(size)
  }

  /// The values of a float32 buffer.
  public var pointer: UnsafeMutablePointer<Float> {
    precondition(element == .float32, "these numbers are not float32")
    return raw.assumingMemoryBound(to: Float.self)
  }

  public var bytes: Int { count * element.size }

  /// The address of value number `index`.
  public func address(_ index: Int) -> UnsafeMutableRawPointer { raw + index * element.size }

  /// A buffer whose elements are all `value`.
  public convenience init(count: Int, repeating value: Float) throws {
    try self.init(count: count)
    pointer.update(repeating: value, count: count)
  }

  /// A buffer that holds a copy of `values`.
  public convenience init(_ values: some Collection<Float>) throws {
    try self.init(count: values.count)
    _ = UnsafeMutableBufferPointer(start: pointer, count: count).update(fromContentsOf: values)
  }

  deinit { Arena.shared.giveBack(raw, size) }

  public var values: UnsafeBufferPointer<Float> { UnsafeBufferPointer(start: pointer, count: count) }
}

/// There is no memory for a buffer: the system refused, or the machine has less than this and all other buffers take.
public struct OutOfMemory: DescribedError {
  public let kind = ErrorKind.memory
  public let bytes: Int
  /// Bytes of buffers in use at that moment.
  public let bytesInUse: Int
  public var description: String { "out of memory: \(bytes) bytes wanted beside \(bytesInUse) in use" }

  public init(bytes: Int, bytesInUse: Int = Arena.shared.statistics.bytesInUse) {
    (self.bytes, self.bytesInUse) = (bytes, bytesInUse)
  }
}

/// Asks whether the system would give so many bytes: where an array of the language gets none, the process ends.
///
/// - Throws: `OutOfMemory`.
public func requireMemory(forArrays bytes: Int) throws {
  guard let memory = malloc(bytes) else {
    throw OutOfMemory(bytes: bytes, bytesInUse: Arena.shared.statistics.bytesInUse)
  }
  free(memory)
}
