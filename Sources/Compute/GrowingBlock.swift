import Glibc

/// An array of plain values that throws if there is no memory to grow, where Swift's own would end the process.
public final class GrowingBlock<Element: BitwiseCopyable> {
  public private(set) var start: UnsafeMutablePointer<Element>
  public private(set) var count = 0
  private var capacity = 0

  public init() { start = UnsafeMutablePointer.allocate(capacity: 1) }

  deinit { free(start) }

  /// - Throws: `OutOfMemory`.
  public func append(_ element: Element) throws {
    if count == capacity { try grow(to: count + 1) }
    start[count] = element
    count += 1
  }

  /// - Throws: `OutOfMemory`.
  public func append(contentsOf bytes: UnsafeRawBufferPointer) throws where Element == UInt8 {
    if count + bytes.count > capacity { try grow(to: count + bytes.count) }
    UnsafeMutableRawBufferPointer(start: start + count, count: bytes.count).copyMemory(from: bytes)
    count += bytes.count
  }

  public func removeAll() { count = 0 }

  private func grow(to wanted: Int) throws {
    let larger = max(wanted, capacity + capacity / 2, 64)
    let size = larger * MemoryLayout<Element>.stride
    guard let moved = realloc(start, size) else { throw OutOfMemory(bytes: size) }
    start = moved.assumingMemoryBound(to: Element.self)
    capacity = larger
  }
}
