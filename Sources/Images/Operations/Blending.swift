extension Levels {
  /// (1 − factor)·other + factor·image, clipped and cut to whole levels.
  ///
  /// - Parameter other: the level that all channels of a pixel are blended with.
  func blend(_ factor: Float, with other: (_ pixel: Int) -> UInt8) {
    guard factor != 1 else { return }
    for pixel in 0..<(height * width) {
      let level = other(pixel)
      for index in (pixel * channels)..<((pixel + 1) * channels) { start[index] = blended(start[index], level, factor) }
    }
  }

  /// The mean luminance, rounded.
  var meanLuminance: UInt8 {
    var sum = 0
    for pixel in 0..<(height * width) { sum += Int(luminance(pixel)) }
    return UInt8(Double(sum) / Double(height * width) + 0.5)
  }

  /// Blends with the image smoothed by [1 1 1; 1 5 1; 1 1 1]/13; pixels at the edges are not smoothed.
  ///
  /// - Throws: `ImageError.memory`.
  func sharpen(_ factor: Float) throws {
    guard factor != 1, height > 2, width > 2 else { return }
    let source = try copy()
    let (column, row) = (channels, width * channels)
    for y in 1..<(height - 1) {
      for index in (y * row + column)..<((y + 1) * row - column) {
        let at = source.start + index
        var sum = 4 * Int(at[0])
        for line in stride(from: -row, through: row, by: row) {
          sum += Int(at[line - column]) + Int(at[line]) + Int(at[line + column])
        }
        // Thirteenths are never halfway.
        start[index] = blended(at[0], UInt8((2 * sum + 13) / 26), factor)
      }
    }
  }
}

private func blended(_ level: UInt8, _ other: UInt8, _ factor: Float) -> UInt8 {
  let value = Float(other) + factor * Float(Int(level) - Int(other))
  return UInt8(min(max(value, 0), 255))
}
