import Glibc

/// What a stream of random numbers is drawn for. Streams of different purposes never overlap.
public enum RandomPurpose: UInt32, Sendable {
  case initialisation = 1
  case shuffle = 2
  case crop = 3
  case views = 4
  case dropout = 5
  case mixing = 6
  case operations = 7
  case erasing = 8
  case blocks = 9
  case secondCrop = 10
}

/// A stream of a counter-based generator (Philox4x32-10, Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
/// 2011), keyed by (seed, purpose, epoch, item).
///
/// Draw `i` of a stream does not depend on what was drawn before it, on which thread or in which batch. That makes runs
/// repeatable for any batch size, thread count or resume point.
public struct RandomStream: Sendable, Equatable {
  let key: (UInt32, UInt32)
  private(set) var purpose: UInt32
  let epoch: UInt32
  private(set) var item: UInt32

  /// - Parameters:
  ///   - seed: the run's seed.
  ///   - purpose: what the numbers are for.
  ///   - epoch: zero-based epoch; its low 32 bits are used.
  ///   - item: index of the image (or parameter) the numbers belong to; its low 32 bits are used.
  public init(seed: UInt64, purpose: RandomPurpose, epoch: Int = 0, item: Int = 0) {
    key = (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
    self.purpose = purpose.rawValue
    self.epoch = UInt32(truncatingIfNeeded: epoch)
    self.item = UInt32(truncatingIfNeeded: item)
  }

  public static func == (a: RandomStream, b: RandomStream) -> Bool {
    a.key == b.key && a.purpose == b.purpose && a.epoch == b.epoch && a.item == b.item
  }

  /// The same stream for another item.
  public func of(item: Int) -> RandomStream {
    var other = self
    other.item = UInt32(truncatingIfNeeded: item)
    return other
  }

  /// The same stream for another purpose.
  public func of(purpose: RandomPurpose) -> RandomStream {
    var other = self
    other.purpose = purpose.rawValue
    return other
  }

  /// The four independent 32-bit words of draw `position` of the stream.
  public func words(at position: Int) -> (UInt32, UInt32, UInt32, UInt32) {
    philox(counter: (UInt32(truncatingIfNeeded: position), item, epoch, purpose), key: key)
  }

  /// Uniform in [0, 1), 24 bits, draw `position` of the stream.
  public func uniform(at position: Int) -> Float {
    Float(words(at: position).0 >> 8) * 0x1p-24
  }

  /// A standard normal number, draw `position` of the stream (Box–Muller).
  public func standardNormal(at position: Int) -> Double {
    let draw = words(at: position)
    let radius = sqrt(-2 * log((Double(draw.0) + 0.5) * 0x1p-32))
    return radius * cos(2 * .pi * Double(draw.1) * 0x1p-32)
  }

  /// The same as float32.
  public func normal(at position: Int) -> Float { Float(standardNormal(at: position)) }

  /// Uniform in 0 ..< `bound`, draw `position` of the stream (64-bit multiply: bias below bound / 2⁶⁴).
  public func integer(below bound: Int, at position: Int) -> Int {
    let draw = words(at: position)
    let wide = UInt64(draw.0) << 32 | UInt64(draw.1)
    return Int(wide.multipliedFullWidth(by: UInt64(bound)).high)
  }

  /// The numbers 0 ..< `count` in random order (Fisher–Yates).
  public func permutation(of count: Int) -> [Int] {
    var order = Array(0..<count)
    for last in stride(from: count - 1, to: 0, by: -1) {
      order.swapAt(last, integer(below: last + 1, at: last))
    }
    return order
  }
}

/// Ten rounds of Philox4x32.
func philox(
  counter: (UInt32, UInt32, UInt32, UInt32), key: (UInt32, UInt32)
) -> (UInt32, UInt32, UInt32, UInt32) {
  var (c0, c1, c2, c3) = counter
  var (k0, k1) = key
  for _ in 0..<10 {
    let left = UInt32(0xD251_1F53).multipliedFullWidth(by: c0)
    let right = UInt32(0xCD9E_8D57).multipliedFullWidth(by: c2)
    (c0, c1, c2, c3) = (right.high ^ c1 ^ k0, right.low, left.high ^ c3 ^ k1, left.low)
    k0 &+= 0x9E37_79B9
    k1 &+= 0xBB67_AE85
  }
  return (c0, c1, c2, c3)
}
