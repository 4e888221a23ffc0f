import Glibc

/// Demands memory that is about to be asked for where a refusal would end the process: arrays whose size goes with the
/// data.
///
/// - Throws: `OutOfMemory` where the machine has less than `bytes`, or would not give them and a little more.
public func requireMemory(bytes: Int) throws {
  guard bytes <= Arena.physicalBytes else { throw OutOfMemory(bytes: bytes) }
  let (length, overflows) = max(bytes, 0).addingReportingOverflow(1 << 22)
  // A mapping, since compilers take away a malloc that is freed at once.
  guard !overflows,
    let probe = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), probe != MAP_FAILED
  else { throw OutOfMemory(bytes: bytes) }
  munmap(probe, length)
}

/// The same for an array of `count` elements.
///
/// - Throws: `OutOfMemory`.
public func requireMemory<Element>(for count: Int, of type: Element.Type) throws {
  let (bytes, overflows) = count.multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
  try requireMemory(bytes: overflows ? .max : bytes)
}
