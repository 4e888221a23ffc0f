/// The same `count` float32 numbers for the same seed, uniform in `range` (SplitMix64): independent of the library's
/// own generator.
public func randomValues(_ count: Int, seed: Int, in range: ClosedRange<Float> = -1...1) -> [Float] {
  var state = UInt64(bitPattern: Int64(seed)) &* 0x9E37_79B9_7F4A_7C15 &+ 0x1234_5678
  return (0..<count).map { _ in
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    word ^= word >> 31
    let unit = Float(word >> 40) * 0x1p-24
    return range.lowerBound + unit * (range.upperBound - range.lowerBound)
  }
}

extension [Float] {
  /// The same numbers in double precision.
  public var doubled: [Double] { map(Double.init) }

  /// Every row of `width` divided by its length.
  public func rowsOfUnitLength(width: Int) -> [Float] {
    stride(from: 0, to: count, by: width).flatMap { start in
      let row = self[start..<start + width]
      let norm = row.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
      return row.map { Float(Double($0) / norm) }
    }
  }
}
