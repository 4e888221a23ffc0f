import Compute
import Segmentation
import Testing

@Suite struct LabelUpsamplingTests {
  @Test func nearestRepeatsPatches() throws {
    #expect(
      try upsample(labels: [0, 1, 2, 3], rows: 2, columns: 2, toHeight: 2, width: 6)
        == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3])
    #expect(try upsample(labels: [5, 6], rows: 1, columns: 2, toHeight: 1, width: 3) == [5, 6, 6])
  }

  @Test func tiesGoToTheLowerLabel() throws {
    // The middle pixel of three lies half way between two patches.
    for labels in [[4, 2], [2, 4]] {
      let row = try upsample(labels: labels, rows: 1, columns: 2, toHeight: 1, width: 3, mode: .bilinear)
      #expect(row == [labels[0], 2, labels[1]])
    }
  }

  /// Against one-hot maps, interpolated one by one in double precision.
  @Test(arguments: [(3, 5, 17, 11), (1, 1, 3, 2), (2, 7, 16, 56), (7, 3, 4, 2), (4, 4, 4, 4)])
  func bilinearIsInterpolationOfOneHot(_ size: (Int, Int, Int, Int)) throws {
    let (rows, columns, height, width) = size
    let random = RandomStream(seed: 3, purpose: .shuffle)
    let labels = (0..<(rows * columns)).map { random.integer(below: 4, at: $0) }
    let found = try upsample(
      labels: labels, rows: rows, columns: columns, toHeight: height, width: width, mode: .bilinear)
    for y in 0..<height {
      for x in 0..<width {
        let scores = (0..<4).map { label in
          interpolate(
            labels.map { $0 == label ? 1 : 0 }, rows, columns, (Double(y) + 0.5) * Double(rows) / Double(height) - 0.5,
            (Double(x) + 0.5) * Double(columns) / Double(width) - 0.5)
        }
        let best = scores.max() ?? 0
        #expect(found[y * width + x] == scores.firstIndex { $0 > best - 1e-9 })
      }
    }
  }

  private func interpolate(_ map: [Double], _ rows: Int, _ columns: Int, _ y: Double, _ x: Double) -> Double {
    let (y, x) = (max(y, 0), max(x, 0))
    let (top, left) = (Int(y), Int(x))
    let (bottom, right) = (min(top + 1, rows - 1), min(left + 1, columns - 1))
    let (v, u) = (y - Double(top), x - Double(left))
    return (1 - v) * ((1 - u) * map[top * columns + left] + u * map[top * columns + right])
      + v * ((1 - u) * map[bottom * columns + left] + u * map[bottom * columns + right])
  }

  @Test(arguments: [
    (2, 2, 4, 4), (0, 0, 4, 4), (1, 3, 0, 4), (1, 3, 4, -1), (1, 3, .max, 2), (1, 3, 1 << 31, 2), (-1, -3, 1, 1),
  ])
  func refuses(_ size: (Int, Int, Int, Int)) {
    #expect(throws: SegmentationError.self) {
      try upsample(labels: [1, 2, 3], rows: size.0, columns: size.1, toHeight: size.2, width: size.3)
    }
  }
}
