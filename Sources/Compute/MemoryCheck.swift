import Glibc

extension OutOfMemory {
  /// Call it before allocating other memory than buffers whose size grows with the data, such as Swift arrays, because
  /// their failed allocation would end the process.
  ///
  /// - Throws: `OutOfMemory` if the machine has less than `bytes`, or the system would refuse them and a small margin.
  public static func check(bytes: Int) throws {
    guard bytes <= Arena.physicalBytes else { throw OutOfMemory(bytes: bytes) }
    guard bytes >= 1 << 16 else { return }
    let length = bytes + (1 << 22)
    // mmap, because compilers optimise away a malloc that is freed at once.
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
