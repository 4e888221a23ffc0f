import Compute
import Testing

@testable import Segmentation

@Suite struct MaskScoresTests {
  /// J and F of label 1 in one frame drawn with # and dots.
  private func scores(_ predicted: [String], _ truth: [String], void: VoidPixels = .background) throws -> [Double] {
    let (predicted, truth) = (labels(predicted), labels(truth))
    return try predicted.labels.withUnsafeBufferPointer { predictedLabels in
      try truth.labels.withUnsafeBufferPointer { truthLabels in
        let scores = try MaskScores(
          predicted: predictedLabels, truth: truthLabels, frames: 1, height: truth.height, width: truth.width,
          objects: [1], void: void)
        return scores.regionSimilarity + scores.boundaryAccuracy
      }
    }
  }

  private func labels(_ rows: [String]) -> (labels: [Int32], height: Int, width: Int) {
    (rows.flatMap { $0.map { $0 == "#" ? 1 : $0 == "?" ? 255 : 0 } }, rows.count, rows[0].count)
  }

  @Test func byHand() throws {
    let truth = [".....", ".##..", ".##..", "....."]
    // One column further: 2 pixels in common of 6, each boundary within a pixel of the other.
    #expect(try scores([".....", "..##.", "..##.", "....."], truth) == [2.0 / 6, 1])
    // Two columns further, at the border: precision 5/7, recall 5/8.
    #expect(try scores([".....", "...##", "...##", "....."], truth).map { ($0 * 75).rounded() } == [0, 50])
  }

  @Test func emptyAndFullMasksHaveNoBoundary() throws {
    let (empty, full, some) = (["....", "....", "...."], ["####", "####", "####"], ["....", ".##.", "...."])
    #expect(try scores(empty, empty) == [1, 1])
    #expect(try scores(full, full) == [1, 1])
    #expect(try scores(full, empty) == [0, 1])
    #expect(try scores(empty, some) == [0, 0])
    #expect(try scores(some, empty) == [0, 0])
    #expect(try scores(full, some) == [2.0 / 12, 0])
  }

  @Test func voidIsInNoMask() throws {
    let (predicted, truth) = (["###", "###", "..."], ["#??", "#??", "..."])
    #expect(try scores(predicted, truth)[0] == 2.0 / 6)
    #expect(try scores(predicted, truth, void: .ignore) == [1, 1])
  }

  /// Pixel by pixel, against dilation as it is defined; widths around a word of 64.
  @Test(arguments: [(1, 1), (3, 63), (5, 64), (4, 65), (90, 129), (2, 700)])
  func isTheDefinition(_ size: (Int, Int)) throws {
    let (height, width) = size
    let random = RandomStream(seed: 7, purpose: .shuffle)
    for trial in 0..<6 {
      let density = [2, 2, 20, 200, 1000, 3][trial]
      let masks = (0..<2).map { mask in
        (0..<(height * width)).map {
          Int32(random.integer(below: density, at: (2 * trial + mask) * 100_000 + $0) == 0 ? 1 : 0)
        }
      }
      let found = try masks[0].withUnsafeBufferPointer { predicted in
        try masks[1].withUnsafeBufferPointer {
          try MaskScores(predicted: predicted, truth: $0, frames: 1, height: height, width: width, objects: [1])
        }
      }
      #expect(found.boundaryAccuracy == [plainAccuracy(masks[0], masks[1], height, width)])
    }
  }

  private func plainAccuracy(_ predicted: [Int32], _ truth: [Int32], _ height: Int, _ width: Int) -> Double {
    let radius = Int((0.008 * Double(height * height + width * width).squareRoot()).rounded(.up))
    func boundary(_ mask: [Int32]) -> [(y: Int, x: Int)] {
      (0..<height).flatMap { y in
        (0..<width).compactMap { x in
          let (below, right) = (min(y + 1, height - 1), min(x + 1, width - 1))
          let others = [mask[y * width + right], mask[below * width + x], mask[below * width + right]]
          return others.contains { $0 != mask[y * width + x] } ? (y, x) : nil
        }
      }
    }
    func share(_ pixels: [(y: Int, x: Int)], near others: [(y: Int, x: Int)]) -> Double {
      var isOther = [Bool](repeating: false, count: height * width)
      for other in others { isOther[other.y * width + other.x] = true }
      let near = pixels.filter { pixel in
        (-radius...radius).contains { down in
          (-radius...radius).contains { right in
            let (y, x) = (pixel.y + down, pixel.x + right)
            return down * down + right * right <= radius * radius && 0..<height ~= y && 0..<width ~= x
              && isOther[y * width + x]
          }
        }
      }
      return Double(near.count) / Double(pixels.count)
    }
    let (here, there) = (boundary(predicted), boundary(truth))
    if here.isEmpty || there.isEmpty { return here.isEmpty && there.isEmpty ? 1 : 0 }
    let (precision, recall) = (share(here, near: there), share(there, near: here))
    return precision + recall == 0 ? 0 : 2 * precision * recall / (precision + recall)
  }

  @Test func refuses() {
    let labels = [Int32](repeating: 0, count: 6)
    for (frames, height, width) in [(1, 2, 2), (0, 2, 3), (1, 0, 6), (1, -2, -3), (.max, .max, 2), (-1, 2, 3)] {
      #expect(throws: SegmentationError.self) {
        try labels.withUnsafeBufferPointer {
          try MaskScores(predicted: $0, truth: $0, frames: frames, height: height, width: width, objects: [1])
        }
      }
    }
  }
}
