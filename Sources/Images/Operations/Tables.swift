extension Levels {
  /// Replaces every level.
  func map(_ level: (Int) -> Int) {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 256) { table in
      for index in 0..<256 { table[index] = UInt8(truncatingIfNeeded: level(index)) }
      for index in 0..<count { start[index] = table[Int(start[index])] }
    }
  }

  /// Replaces every level of each channel by a table made from the channel's histogram.
  func mapByHistogram(_ fill: (UnsafeMutableBufferPointer<Int>, UnsafeMutableBufferPointer<UInt8>) -> Void) {
    withUnsafeTemporaryAllocation(of: Int.self, capacity: 256) { histogram in
      withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 256) { table in
        for channel in 0..<channels {
          for level in 0..<256 { histogram[level] = 0 }
          for index in stride(from: channel, to: count, by: channels) { histogram[Int(start[index])] += 1 }
          fill(histogram, table)
          for index in stride(from: channel, to: count, by: channels) { start[index] = table[Int(start[index])] }
        }
      }
    }
  }
}

/// The lowest level that occurs becomes 0, the highest 255; nothing changes where there is one level only.
func autoContrastTable(_ histogram: UnsafeMutableBufferPointer<Int>, _ table: UnsafeMutableBufferPointer<UInt8>) {
  var (low, high) = (0, 255)
  while low < 255, histogram[low] == 0 { low += 1 }
  while high > 0, histogram[high] == 0 { high -= 1 }
  guard high > low else { return fillWithItself(table) }
  let scale = 255 / Double(high - low)
  let offset = -Double(low) * scale
  for level in 0..<256 { table[level] = UInt8(min(max(Int(Double(level) * scale + offset), 0), 255)) }
}

/// Levels in the order they are in, as many pixels to each as can be; nothing changes where there are too few.
func equalizingTable(_ histogram: UnsafeMutableBufferPointer<Int>, _ table: UnsafeMutableBufferPointer<UInt8>) {
  var (pixels, used, highest) = (0, 0, 0)
  for level in 0..<256 where histogram[level] > 0 {
    (pixels, used, highest) = (pixels + histogram[level], used + 1, histogram[level])
  }
  let step = (pixels - highest) / 255
  guard used > 1, step > 0 else { return fillWithItself(table) }
  var sum = step / 2
  for level in 0..<256 {
    table[level] = UInt8(min(sum / step, 255))
    sum += histogram[level]
  }
}

private func fillWithItself(_ table: UnsafeMutableBufferPointer<UInt8>) {
  for level in 0..<256 { table[level] = UInt8(level) }
}
