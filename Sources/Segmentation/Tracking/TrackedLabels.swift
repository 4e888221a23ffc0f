import Compute

/// Soft maps of patches become labels of a frame's pixels.
struct TrackedLabels: Sendable {
  let grid: LineGrid
  let frame: FrameSize
  let network: FrameSize
  let upsampling: TrackUpsampling
  let rescales: Bool

  /// The size at which the largest wins.
  private var decided: FrameSize { upsampling == .bilinearThenNearest ? network : frame }

  /// - Parameters:
  ///   - maps: [patches, channels].
  ///   - labels: of the channels.
  /// - Returns: [frame.height, frame.width].
  /// - Throws: `OutOfMemory`.
  func callAsFunction(_ maps: Buffer, labels: [UInt8]) throws -> [UInt8] {
    let (size, channels) = (decided, labels.count)
    try OutOfMemory.check(bytes: size.height * size.width + frame.height * frame.width)
    let sampler = MapSampler(grid: grid, size: size, maps: maps, channels: channels, isNearest: upsampling == .nearest)
    let ranges = try rescales ? sampler.ranges() : nil
    var winners = [UInt8](repeating: 0, count: size.height * size.width)
    winners.withUnsafeMutableBufferPointer { winners in
      let place = winners.baseAddress
      parallelRows(size.height, cost: size.width * channels) { rows in
        for row in rows {
          for column in 0..<size.width {
            place?[row * size.width + column] = labels[sampler.largest(row, column, ranges)]
          }
        }
      }
    }
    return size == frame ? winners : nearest(winners)
  }

  /// Labels at the size of the network brought to the frame's.
  private func nearest(_ labels: [UInt8]) -> [UInt8] {
    let columns = (0..<frame.width).map { AxisSample($0, of: frame.width, in: network.width).nearest }
    var result: [UInt8] = []
    result.reserveCapacity(frame.height * frame.width)
    for row in 0..<frame.height {
      let start = AxisSample(row, of: frame.height, in: network.height).nearest * network.width
      for column in columns { result.append(labels[start + column]) }
    }
    return result
  }
}

/// Soft maps at the pixels of a finer grid.
private struct MapSampler: Sendable {
  private let grid: LineGrid
  private let size: FrameSize
  private let maps: Buffer
  private let channels: Int
  private let rows: [Tap]
  private let columns: [Tap]

  /// Where a pixel lies between two patches.
  private struct Tap {
    let low: Int
    let high: Int
    let highShare: Float

    init(_ sample: AxisSample, isNearest: Bool) {
      low = isNearest ? sample.nearest : sample.low
      high = isNearest ? sample.nearest : sample.high
      highShare = isNearest ? 0 : sample.highShare
    }
  }

  init(grid: LineGrid, size: FrameSize, maps: Buffer, channels: Int, isNearest: Bool) {
    (self.grid, self.size, self.maps, self.channels) = (grid, size, maps, channels)
    rows = (0..<size.height).map { Tap(AxisSample($0, of: size.height, in: grid.rows), isNearest: isNearest) }
    columns = (0..<size.width).map { Tap(AxisSample($0, of: size.width, in: grid.columns), isNearest: isNearest) }
  }

  /// The values of a pixel, channel after channel.
  private func forEach(_ row: Int, _ column: Int, _ body: (Int, Float) -> Void) {
    let (y, x) = (rows[row], columns[column])
    func patch(_ row: Int, _ column: Int) -> UnsafePointer<Float> {
      UnsafePointer(maps.pointer + (row * grid.rowStride + column * grid.columnStride) * channels)
    }
    let (a, b) = (patch(y.low, x.low), patch(y.low, x.high))
    let (c, d) = (patch(y.high, x.low), patch(y.high, x.high))
    let (down, across) = (y.highShare, x.highShare)
    for channel in 0..<channels {
      let above = (1 - across) * a[channel] + across * b[channel]
      let below = (1 - across) * c[channel] + across * d[channel]
      body(channel, (1 - down) * above + down * below)
    }
  }

  /// The least value of each channel, and the largest minus that: [2, channels].
  ///
  /// - Throws: `OutOfMemory`.
  func ranges() throws -> Buffer {
    let chunks = RowChunks(rows: size.height, cost: size.width * channels)
    let partial = try Buffer(count: chunks.count * 2 * channels, repeating: -.infinity)
    parallel(chunks.count) { chunk in
      let place = partial.pointer + chunk * 2 * channels
      for row in chunks[chunk] {
        for column in 0..<size.width {
          forEach(row, column) { channel, value in
            place[channel] = max(place[channel], -value)
            place[channels + channel] = max(place[channels + channel], value)
          }
        }
      }
    }
    let result = try Buffer(count: 2 * channels)
    for channel in 0..<channels {
      func largest(_ offset: Int) -> Float {
        (0..<chunks.count).reduce(-.infinity) { max($0, partial.pointer[$1 * 2 * channels + offset]) }
      }
      result.pointer[channel] = -largest(channel)
      result.pointer[channels + channel] = largest(channels + channel) + largest(channel)
    }
    return result
  }

  /// The channel with the largest value at a pixel, the first of equal ones.
  ///
  /// - Parameter ranges: values are brought to 0 … 1 by them; those of a channel that is the same everywhere to 0.
  func largest(_ row: Int, _ column: Int, _ ranges: Buffer?) -> Int {
    var (best, most) = (0, -Float.infinity)
    forEach(row, column) { channel, value in
      var value = value
      if let ranges = ranges?.pointer {
        value = ranges[channels + channel] > 0 ? (value - ranges[channel]) / ranges[channels + channel] : 0
      }
      if value > most { (best, most) = (channel, value) }
    }
    return best
  }
}
