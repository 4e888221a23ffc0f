import Compute

/// Many paths in two blocks of memory, each at an address that stays; growing may fail where an array would end the
/// process.
public final class PathTable: @unchecked Sendable {
  private let bytes = GrowingBlock<UInt8>()
  /// Where each path begins.
  private let starts = GrowingBlock<Int>()

  public init() {}

  public var count: Int { starts.count }

  /// - Throws: `OutOfMemory`.
  public func append(_ path: FilePath) throws {
    try path.bytes.withUnsafeBytes { try append([$0]) }
  }

  /// Appends the path made of these parts, one behind the other.
  ///
  /// - Throws: `OutOfMemory`.
  public func append(_ parts: [UnsafeRawBufferPointer]) throws {
    try starts.append(bytes.count)
    for part in parts { try bytes.append(contentsOf: part) }
    try bytes.append(0)
  }

  /// The path at `index` (0 ..< count) with its zero, in place as long as nothing is appended.
  public func cString(at index: Int) -> UnsafePointer<CChar> {
    UnsafeRawPointer(bytes.start + starts.start[index]).assumingMemoryBound(to: CChar.self)
  }

  /// The bytes of the path at `index`, without its zero.
  public func bytes(at index: Int) -> UnsafeRawBufferPointer {
    let end = index + 1 < count ? starts.start[index + 1] : bytes.count
    return UnsafeRawBufferPointer(start: bytes.start + starts.start[index], count: end - starts.start[index] - 1)
  }

  public subscript(index: Int) -> FilePath { FilePath(bytes: bytes(at: index)) }

  public func removeAll() {
    bytes.removeAll()
    starts.removeAll()
  }
}
