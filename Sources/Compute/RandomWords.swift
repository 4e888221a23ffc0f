/// A random word of 32 bits as a number uniform in `range`, its upper end left out.
public func uniform(_ word: UInt32, in range: ClosedRange<Double> = 0...1) -> Double {
  range.lowerBound + Double(word) * 0x1p-32 * (range.upperBound - range.lowerBound)
}

/// A random word of 32 bits as a choice uniform in 0 ..< `count` (bias below count / 2³²).
public func choice(_ word: UInt32, of count: Int) -> Int {
  Int((UInt64(word) * UInt64(count)) >> 32)
}
