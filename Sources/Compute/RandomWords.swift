/// Maps a random 32-bit word to a number uniform in `range`, its upper end excluded.
public func uniform(_ word: UInt32, in range: ClosedRange<Double> = 0...1) -> Double {
  range.lowerBound + Double(word) * 0x1p-32 * (range.upperBound - range.lowerBound)
}

/// Maps a random 32-bit word to an integer uniform in 0 ..< `count` (bias below count / 2³²).
public func choice(_ word: UInt32, of count: Int) -> Int {
  Int((UInt64(word) * UInt64(count)) >> 32)
}
