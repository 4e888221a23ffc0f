import Compute
import Segmentation
import TestSupport
import Testing

@Suite struct GuidedRefinementTests {
  /// Against the definition: sums over every window, in double precision.
  @Test(arguments: [(7, 9, 1, 2), (5, 18, 3, 1), (6, 5, 2, 40), (1, 4, 3, 1), (1, 1, 1, 1)])
  func isTheGuidedFilter(_ size: (Int, Int, Int, Int)) throws {
    let (height, width, channels, radius) = size
    let random = RandomStream(seed: 7, purpose: .shuffle)
    let labels = (0..<(height * width)).map { Int32(3 * random.integer(below: 3, at: $0)) }
    let image = (0..<(height * width * channels)).map { Float(random.integer(below: 256, at: 1000 + $0)) / 255 }
    let found = try refined(labels, image, size)
    let scores = [0, 3, 6].map { label in
      naive(labels.map { $0 == label ? 1 : 0 }, guide(image, channels), height, width, radius)
    }
    for pixel in labels.indices {
      let best = scores.map { $0[pixel] }.max() ?? 0
      #expect(scores[Int(found[pixel]) / 3][pixel] >= best - 1e-4, "pixel \(pixel)")
    }
  }

  @Test func bordersMoveToEdges() throws {
    // The picture's edge lies a pixel right of the labels'.
    let (height, width) = (20, 30)
    let image = (0..<(height * width)).map { $0 % width < 15 ? Float(0.1) : 0.9 }
    let labels = (0..<(height * width)).map { Int32($0 % width < 14 ? 4 : 9) }
    let found = try refined(labels, image, (height, width, 1, 4))
    #expect(found == (0..<(height * width)).map { $0 % width < 15 ? 4 : 9 })
  }

  @Test func threadsDoNotMatter() throws {
    let labels = (0..<(70 * 90)).map { Int32($0 / 900 % 3) }
    let image = randomValues(70 * 90 * 3, seed: 9)
    var maps: [[Int32]] = []
    try Machine.onEachThreadCount { _ in maps.append(try refined(labels, image, (70, 90, 3, 5))) }
    #expect(maps[0] == maps[1] && maps[1] == maps[2])
  }

  @Test func refusesBadInput() {
    for (labels, size, epsilon) in [
      ([Int32(0), 0], (2, 2, 1, 1), 0.1), ([0, -1], (1, 2, 1, 1), 0.1), ([0, 0], (1, 2, 1, 0), 0.1),
      ([0, 0], (1, 2, 1, 1), 0), ([0, 0], (1, 2, 1, 1), .nan), ([0, 0], (-1, -2, 1, 1), 0.1),
      ([0, 0], (1, 2, 2, 1), 0.1),
    ] {
      #expect(throws: SegmentationError.self) { try refined(labels, [0, 1], size, epsilon) }
    }
  }

  private func refined(
    _ labels: [Int32], _ image: [Float], _ size: (Int, Int, Int, Int), _ epsilon: Double = 0.01
  ) throws -> [Int32] {
    var found = [Int32](repeating: -1, count: labels.count)
    try found.withUnsafeMutableBufferPointer { found in
      try labels.withUnsafeBufferPointer { labels in
        try image.withUnsafeBufferPointer { image in
          try refine(
            labels: labels, image: image, height: size.0, width: size.1, channels: size.2, radius: size.3,
            epsilon: epsilon, into: found)
        }
      }
    }
    return found
  }

  /// [pixels][1 or 3].
  private func guide(_ image: [Float], _ channels: Int) -> [[Double]] {
    stride(from: 0, to: image.count, by: channels).map { start in
      let values = image[start..<(start + channels)].map { Double($0) }
      return channels == 3 ? values : [values.reduce(0, +) / Double(channels)]
    }
  }

  private func naive(_ mask: [Double], _ guide: [[Double]], _ height: Int, _ width: Int, _ radius: Int) -> [Double] {
    func window(_ pixel: Int) -> [Int] {
      let (y, x) = (pixel / width, pixel % width)
      return (max(0, y - radius)...min(height - 1, y + radius)).flatMap { row in
        (max(0, x - radius)...min(width - 1, x + radius)).map { row * width + $0 }
      }
    }
    func mean(_ pixels: [Int], _ value: (Int) -> Double) -> Double {
      pixels.reduce(0) { $0 + value($1) } / Double(pixels.count)
    }
    let count = guide[0].count
    let models = mask.indices.map { centre -> [Double] in
      let pixels = window(centre)
      let means = (0..<count).map { channel in mean(pixels) { guide[$0][channel] } }
      let maskMean = mean(pixels) { mask[$0] }
      var rows = (0..<count).map { a in
        (0..<count).map { b in
          mean(pixels) { (guide[$0][a] - means[a]) * (guide[$0][b] - means[b]) } + (a == b ? 0.01 : 0)
        } + [mean(pixels) { (guide[$0][a] - means[a]) * (mask[$0] - maskMean) }]
      }
      // Gauss-Jordan elimination.
      for pivot in 0..<count {
        rows[pivot] = rows[pivot].map { $0 / rows[pivot][pivot] }
        for row in 0..<count where row != pivot {
          rows[row] = zip(rows[row], rows[pivot]).map { $0 - rows[row][pivot] * $1 }
        }
      }
      let slopes = rows.map { $0[count] }
      return slopes + [maskMean - zip(slopes, means).reduce(0) { $0 + $1.0 * $1.1 }]
    }
    return mask.indices.map { pixel in
      let pixels = window(pixel)
      return (0..<count).reduce(mean(pixels) { models[$0][count] }) { sum, channel in
        sum + mean(pixels) { models[$0][channel] } * guide[pixel][channel]
      }
    }
  }
}
