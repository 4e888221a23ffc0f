import Compute

/// The channel of each label: the background's is 0, and so is that of void and of labels of no object.
struct ObjectChannels: Sendable {
  /// Label of no object, as data sets have it: counts as background.
  static let void: UInt8 = 255
  /// The objects in the order of their channels, 1 ….
  private(set) var objects: [UInt8] = []
  private var channels = [Int](repeating: 0, count: 256)

  /// Background and objects.
  var count: Int { objects.count + 1 }

  subscript(label: UInt8) -> Int { channels[Int(label)] }

  /// Gives channels to the objects among labels that have none.
  mutating func add(_ labels: [UInt8]) {
    var found = [Bool](repeating: false, count: 256)
    for label in labels { found[Int(label)] = true }
    for label in 1..<Self.void where found[Int(label)] && channels[Int(label)] == 0 {
      objects.append(label)
      channels[Int(label)] = objects.count
    }
  }

  /// The label of each channel.
  var labels: [UInt8] { [0] + objects }
}

/// Each patch's share of background and objects.
///
/// - Parameter labels: [frame.height, frame.width].
/// - Returns: [patches, channels], in the order of the grid's lines.
/// - Throws: `OutOfMemory`.
func labelMaps(
  _ labels: [UInt8], _ frame: FrameSize, _ channels: ObjectChannels, grid: LineGrid, _ sampling: MaskSampling
) throws -> Buffer {
  let maps = try Buffer(count: grid.count * channels.count, repeating: 0)
  for row in 0..<grid.rows {
    let y = AxisSample(row, of: grid.rows, in: frame.height)
    for column in 0..<grid.columns {
      let x = AxisSample(column, of: grid.columns, in: frame.width)
      let map = maps.pointer + (row * grid.rowStride + column * grid.columnStride) * channels.count
      func add(_ pixelRow: Int, _ pixelColumn: Int, _ share: Float) {
        map[channels[labels[pixelRow * frame.width + pixelColumn]]] += share
      }
      switch sampling {
      case .nearest: add(y.nearest, x.nearest, 1)
      case .bilinear:
        let (down, across) = (y.highShare, x.highShare)
        add(y.low, x.low, (1 - down) * (1 - across))
        add(y.low, x.high, (1 - down) * across)
        add(y.high, x.low, down * (1 - across))
        add(y.high, x.high, down * across)
      }
    }
  }
  return maps
}

extension AxisSample {
  /// Weight of the higher neighbour, 0 … 1.
  var highShare: Float { Float(highWeight) / Float(lowWeight + highWeight) }
}

/// Puts given objects over what was propagated: shares of the given ones stay, what is left is shared as before.
///
/// - Parameters:
///   - given: [patches, channels], channel 0 what is not given.
///   - maps: [patches, channels], overwritten.
func overlay(_ given: Buffer, on maps: Buffer, channels: Int) {
  for patch in 0..<maps.count / channels {
    let (over, under) = (given.pointer + patch * channels, maps.pointer + patch * channels)
    under[0] *= over[0]
    for channel in 1..<channels { under[channel] = under[channel] * over[0] + over[channel] }
  }
}
