/// The CRC-32 of zip and PNG (polynomial 0xEDB88320), as `zlib.crc32` has it: it finds damage, not intent.
public func crc32(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
  tables.withUnsafeBufferPointer { table in
    var state = ~UInt32(0)
    var place = 0
    // Eight bytes at a time, by a table for each ("slicing by 8"): a table alone is six times slower.
    while place <= bytes.count - 8 {
      let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self)) ^ UInt64(state)
      state = 0
      for byte in 0..<8 { state ^= table[(7 - byte) << 8 | Int(truncatingIfNeeded: word >> UInt64(8 * byte)) & 0xFF] }
      place += 8
    }
    while place < bytes.count {
      state = state >> 8 ^ table[Int((state ^ UInt32(bytes[place])) & 0xFF)]
      place += 1
    }
    return ~state
  }
}

/// Eight tables of 256: what a byte does to the state, followed by 0 … 7 bytes of zero.
private let tables: [UInt32] = {
  var tables = [UInt32](repeating: 0, count: 8 * 256)
  for byte in 0..<256 {
    var state = UInt32(byte)
    for _ in 0..<8 { state = state >> 1 ^ (state & 1 == 0 ? 0 : 0xEDB8_8320) }
    tables[byte] = state
  }
  for entry in 256..<(8 * 256) {
    let shorter = tables[entry - 256]
    tables[entry] = shorter >> 8 ^ tables[Int(shorter & 0xFF)]
  }
  return tables
}()
