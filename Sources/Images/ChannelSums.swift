import Compute

/// What mean and standard deviation of a data set's channels are made of.
public struct ChannelSums: Sendable, Equatable {
  /// Pixels of all images.
  public var pixels: Int
  /// Of values in 0 … 1, by channel, and of their squares.
  public var sums: [Double]
  public var squares: [Double]
}

/// Sums over all pixels of some images, decoded at their full size. Integers are added exactly, images in the order of
/// `indices`. Images that cannot be read and are passed over do not count.
///
/// - Throws: errors of the images; `OutOfMemory`; `Interrupted`.
public func channelSums(_ dataset: any ImageDataset, indices: [Int]) throws -> ChannelSums {
  let channels = dataset.channels
  var total = ChannelSums(
    pixels: 0, sums: [Double](repeating: 0, count: channels), squares: [Double](repeating: 0, count: channels))
  // An image's pixels, then its sums, then its squares.
  let width = 1 + 2 * channels
  let place = UnsafeMutableBufferPointer<Double>.allocate(capacity: width * imagesAtOnce)
  defer { place.deallocate() }
  for first in stride(from: 0, to: indices.count, by: imagesAtOnce) {
    try Interruption.check()
    let part = indices[first..<min(first + imagesAtOnce, indices.count)]
    place.update(repeating: 0)
    try parallelTrying(part.count) { slot in
      let output = UnsafeMutableBufferPointer(rebasing: place[(slot * width)..<((slot + 1) * width)])
      _ = try dataset.unlessSkipped(at: part[first + slot]) { try $0.pixels().addSums(to: output) }
    }
    for slot in 0..<part.count {
      total.pixels += Int(place[slot * width])
      for channel in 0..<channels {
        total.sums[channel] += place[slot * width + 1 + channel]
        total.squares[channel] += place[slot * width + 1 + channels + channel]
      }
    }
  }
  return total
}

private let imagesAtOnce = 64

extension Image {
  fileprivate func addSums(to output: UnsafeMutableBufferPointer<Double>) {
    output[0] = Double(height * width)
    for channel in 0..<channels {
      let (sum, squares) = sums(of: channel)
      (output[1 + channel], output[1 + channels + channel]) = (sum, squares)
    }
  }

  /// The sums of a channel's values in 0 … 1 and of their squares.
  private func sums(of channel: Int) -> (Double, Double) {
    switch element {
    case .uint8: integerSums(of: channel, UInt8.self)
    case .uint16: integerSums(of: channel, UInt16.self)
    case .float32: floatSums(of: channel)
    }
  }

  private func integerSums<Level: FixedWidthInteger & UnsignedInteger>(
    of channel: Int, _ type: Level.Type
  ) -> (Double, Double) {
    var (sum, squares): (UInt64, UInt64) = (0, 0)
    for y in 0..<height {
      let row = row(y, of: Level.self) + channel
      for x in 0..<width {
        let value = UInt64(row[x * channels])
        sum &+= value
        squares &+= value &* value
      }
    }
    let highest = Double(Level.max)
    return (Double(sum) / highest, Double(squares) / (highest * highest))
  }

  private func floatSums(of channel: Int) -> (Double, Double) {
    var (sum, squares) = (0.0, 0.0)
    for y in 0..<height {
      let row = row(y, of: Float.self) + channel
      for x in 0..<width {
        let value = Double(row[x * channels])
        sum += value
        squares += value * value
      }
    }
    return (sum, squares)
  }
}
