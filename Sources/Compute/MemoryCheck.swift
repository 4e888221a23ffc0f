import Glibc

extension OutOfMemory {
  /// Before something other than a buffer takes memory, where a refusal would end the process: arrays whose size goes
  /// with the data.
  ///
  /// - Throws: `OutOfMemory` where the machine has less than `bytes`, or the system would not give them and a little
  ///   more.
  public static func check(bytes: Int) throws {
    guard bytes <= Arena.physicalBytes else { throw OutOfMemory(bytes: bytes) }
    guard bytes >= 1 << 16 else { return }
    let length = bytes + (1 << 22)
    // A mapping, since compilers take away a malloc that is freed at once.
    guard let probe = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), probe != MAP_FAILED
    else { throw OutOfMemory(bytes: bytes) }
    munmap(probe, length)
  }

  /// The same for an array of `count` elements.
  ///
  /// - Throws: `OutOfMemory`.
  public static func check<Element>(for count: Int, of type: Element.Type) throws {
    let (bytes, overflows) = count.multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
    try check(bytes: overflows ? .max : bytes)
  }
}
