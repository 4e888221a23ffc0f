/// FNV-1a, 64 bits: tells data apart that nobody made to look alike.
public struct Digest {
  private var state: UInt64 = 0xCBF2_9CE4_8422_2325

  private static let prime: UInt64 = 0x100_0000_01B3

  public init() {}

  public mutating func add(_ bytes: UnsafeRawBufferPointer) {
    for byte in bytes { state = (state ^ UInt64(byte)) &* Self.prime }
  }

  public mutating func add(_ bytes: [UInt8]) { bytes.withUnsafeBytes { add($0) } }

  /// Numbers, bit by bit: a step for each, in place of four.
  public mutating func add(_ values: UnsafeBufferPointer<Float>) {
    for value in values { state = (state ^ UInt64(value.bitPattern)) &* Self.prime }
  }

  public mutating func add(number: Int) { withUnsafeBytes(of: Int64(number).littleEndian) { add($0) } }

  public var value: UInt64 { state }

  /// 16 hexadecimal digits.
  public var text: String {
    let digits = String(state, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
