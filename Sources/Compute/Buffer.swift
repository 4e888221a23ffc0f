/// Memory for values, allocated from the arena and freed with the last reference. Its initial contents are undefined.
public final class Buffer: @unchecked Sendable {
  public let raw: UnsafeMutableRawPointer
  public let count: Int
  public let element: Element
  private let size: Int

  /// - Throws: `OutOfMemory`.
  public init(count: Int, element: Element = .float32) throws {
    // More than any address space; below this limit, computing sizes cannot overflow.
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

/// There is no memory for a buffer: the system refused it, or the buffers would exceed the memory of the machine.
public struct OutOfMemory: DescribedError {
  public let kind = ErrorKind.memory
  public let bytes: Int
  /// Bytes of buffers in use when it was thrown.
  public let bytesInUse: Int
  public var description: String { "out of memory: \(bytes) bytes wanted beside \(bytesInUse) in use" }

  public init(bytes: Int, bytesInUse: Int = Arena.shared.statistics.bytesInUse) {
    (self.bytes, self.bytesInUse) = (bytes, bytesInUse)
  }
}
