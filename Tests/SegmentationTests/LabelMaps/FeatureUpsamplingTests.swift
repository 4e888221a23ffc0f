import Compute
import Segmentation
import TestSupport
import Testing

@Suite struct FeatureUpsamplingTests {
  /// Features interpolated one by one in double precision, and all four means compared.
  @Test(arguments: [(3, 5, 17, 11), (1, 1, 3, 2), (2, 7, 16, 56), (7, 3, 4, 2), (4, 4, 4, 4)])
  func isTheNearestMeanAtInterpolatedFeatures(_ size: (Int, Int, Int, Int)) throws {
    let (rows, columns, height, width) = size
    let (channels, segments) = (11, 4)
    let random = RandomStream(seed: 3, purpose: .shuffle)
    let labels = (0..<(rows * columns)).map { Int32(random.integer(below: segments, at: $0)) }
    let features = randomValues(labels.count * channels, seed: 5)
    var means = [Float](repeating: 0, count: segments * channels)
    try means.withUnsafeMutableBufferPointer { means in
      try labels.withUnsafeBufferPointer { labels in
        try features.withUnsafeBufferPointer { features in
          try segmentMeans(features: features, labels: labels, channels: channels, into: means)
        }
      }
    }
    for label in 0..<segments {
      let members = labels.indices.filter { labels[$0] == Int32(label) }
      for channel in 0..<channels {
        let sum = members.reduce(0.0) { $0 + Double(features[$1 * channels + channel]) }
        #expect(abs(Double(means[label * channels + channel]) - sum / Double(max(members.count, 1))) < 1e-6)
      }
    }
    let found = try upsampled(labels, features, means, channels, size)
    for y in 0..<height {
      for x in 0..<width {
        let corners = corners(y, x, size)
        let candidates = Set(corners.map { Int(labels[$0.patch]) })
        func fit(_ patch: Int, _ label: Int) -> Double {
          (0..<channels).reduce(0.0) { sum, channel in
            let difference = Double(features[patch * channels + channel] - means[label * channels + channel])
            return sum + difference * difference
          }
        }
        // The distance to a mean, up to what is the same for all: interpolated, a patch's own label no worse than
        // others.
        let distances = candidates.map { label in
          corners.reduce(0.0) { sum, corner in
            let (row, column) = (corner.patch / columns, corner.patch % columns)
            let around = (max(row - 1, 0)...min(row + 1, rows - 1)).flatMap { y in
              (max(column - 1, 0)...min(column + 1, columns - 1)).map { Int(labels[y * columns + $0]) }
            }
            let isOwn = Int(labels[corner.patch]) == label
            let distance = isOwn ? around.map { fit(corner.patch, $0) }.min() ?? 0 : fit(corner.patch, label)
            return sum + corner.weight * distance
          }
        }
        let least = distances.min() ?? 0
        let chosen = Array(candidates).firstIndex(of: Int(found[y * width + x]))
        #expect(chosen.map { distances[$0] <= least + 1e-4 } == true, "pixel \(y), \(x)")
      }
    }
  }

  private func upsampled(
    _ labels: [Int32], _ features: [Float], _ means: [Float], _ channels: Int, _ size: (Int, Int, Int, Int)
  ) throws -> [Int32] {
    var found = [Int32](repeating: -1, count: max(0, size.2 * size.3))
    try found.withUnsafeMutableBufferPointer { found in
      try labels.withUnsafeBufferPointer { labels in
        try features.withUnsafeBufferPointer { features in
          try means.withUnsafeBufferPointer { means in
            try upsample(
              labels: labels, features: features, means: means, channels: channels, rows: size.0, columns: size.1,
              into: found, height: size.2, width: size.3)
          }
        }
      }
    }
    return found
  }

  private func corners(_ y: Int, _ x: Int, _ size: (Int, Int, Int, Int)) -> [(patch: Int, weight: Double)] {
    func axis(_ position: Int, _ fine: Int, _ coarse: Int) -> (Int, Int, Double) {
      let place = min(max((Double(position) + 0.5) * Double(coarse) / Double(fine) - 0.5, 0), Double(coarse - 1))
      return (Int(place), min(Int(place) + 1, coarse - 1), place - Double(Int(place)))
    }
    let (top, bottom, v) = axis(y, size.2, size.0)
    let (left, right, u) = axis(x, size.3, size.1)
    return [
      (top * size.1 + left, (1 - v) * (1 - u)), (top * size.1 + right, (1 - v) * u),
      (bottom * size.1 + left, v * (1 - u)), (bottom * size.1 + right, v * u),
    ]
  }

  @Test func refusesLabelsWithoutAMean() {
    #expect(throws: SegmentationError.self) { try upsampled([0, 2], [1, 2], [0, 1], 1, (1, 2, 4, 4)) }
    #expect(throws: SegmentationError.self) { try upsampled([0, -1], [1, 2], [0, 1], 1, (1, 2, 4, 4)) }
    #expect(throws: SegmentationError.self) { try upsampled([0, 1], [1, 2, 3], [0, 1], 1, (1, 2, 4, 4)) }
  }

  @Test func workingGrids() throws {
    func grid(_ height: Int, _ width: Int, _ patch: Int, most: Int = WorkingGrid.mostPatches) throws -> [Int] {
      let found = try WorkingGrid.grid(height: height, width: width, patchSize: patch, most: most)
      return [found.rows, found.columns]
    }
    #expect(try grid(480, 640, 14) == [48, 64])
    #expect(try grid(640, 480, 14) == [64, 48])
    #expect(try grid(4000, 3000, 16) == [64, 48])
    #expect(try grid(348, 348, 16) == [48, 48])
    // A patch covers 4×4 pixels at least, unless the picture has smaller ones itself.
    #expect(try grid(32, 32, 4) == [8, 8])
    #expect(try grid(48, 64, 8) == [12, 16])
    #expect(try grid(32, 32, 2) == [16, 16])
    #expect(try grid(3, 2, 16) == [2, 1])
    for (height, width, most) in [(480, 640, 100), (1, .max, 8192), (.max, 1, 7), (1, 1, 1), (100, 1 << 40, 1)] {
      let found = try grid(height, width, 16, most: most)
      #expect(found[0] >= 1 && found[1] >= 1 && found[0] * found[1] <= most, "\(height) × \(width): \(found)")
    }
    #expect(throws: ArgumentError.self) { try grid(0, 4, 16) }
    #expect(throws: ArgumentError.self) { try grid(4, 4, 16, most: 0) }
  }
}
