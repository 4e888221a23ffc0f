import Glibc

/// How a pixel's channel is stored.
public enum PixelElement: String, Sendable {
  /// 0 … 255.
  case uint8
  /// 0 … 65535.
  case uint16
  /// 0 … 1.
  case float32

  /// Bytes.
  var stride: Int {
    switch self {
    case .uint8: 1
    case .uint16: 2
    case .float32: 4
    }
  }

  /// What white is.
  var highest: Float {
    switch self {
    case .uint8: 255
    case .uint16: 65535
    case .float32: 1
    }
  }
}

/// Memory that holds pixels: its own, or somebody else's that stays alive and unchanged while this object lives.
public final class PixelMemory: @unchecked Sendable {
  public let element: PixelElement
  /// Elements, not bytes.
  public let count: Int
  let start: UnsafeRawPointer
  private let release: @Sendable () -> Void

  private init(
    _ start: UnsafeRawPointer, count: Int, element: PixelElement, release: @escaping @Sendable () -> Void
  ) {
    self.start = start
    self.count = count
    self.element = element
    self.release = release
  }

  /// Somebody else's pixels, used in place.
  ///
  /// - Parameters:
  ///   - pixels: `count` elements, aligned as they want.
  ///   - release: called once nobody needs the memory any more, on whatever thread dropped it last.
  public convenience init(
    borrowing pixels: UnsafeRawPointer, _ element: PixelElement, count: Int,
    release: @escaping @Sendable () -> Void = {}
  ) {
    self.init(pixels, count: max(count, 0), element: element, release: release)
  }

  /// A copy of `bytes`.
  ///
  /// - Throws: `ImageError.memory`.
  public convenience init(_ bytes: [UInt8]) throws {
    try self.init(.uint8, count: bytes.count) { memory in bytes.withUnsafeBytes { memory.copyMemory(from: $0) } }
  }

  /// A copy of `floats`.
  ///
  /// - Throws: `ImageError.memory`.
  public convenience init(_ floats: [Float]) throws {
    try self.init(.float32, count: floats.count) { memory in floats.withUnsafeBytes { memory.copyMemory(from: $0) } }
  }

  /// `count` elements that `fill` writes, all of them.
  convenience init(
    _ element: PixelElement, count: Int, fill: (UnsafeMutableRawBufferPointer) throws -> Void
  ) throws {
    let bytes = count * element.stride
    let (start, free) = try Self.allocate(bytes)
    do {
      try fill(UnsafeMutableRawBufferPointer(start: start, count: bytes))
    } catch {
      free()
      throw error
    }
    self.init(start, count: count, element: element, release: free)
  }

  deinit { release() }

  private static func allocate(_ bytes: Int) throws -> (UnsafeMutableRawPointer, @Sendable () -> Void) {
    guard let start = malloc(max(bytes, 1)) else { throw ImageError.memory(bytes: bytes) }
    nonisolated(unsafe) let block = start
    return (start, { free(block) })
  }
}
