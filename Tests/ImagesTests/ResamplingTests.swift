import CKernels
import Compute
import Testing

@testable import Images

/// Resizing as its definition says: every input pixel gets the filter's value at its distance. In double precision; 8
/// bits with antialias in fixed point, rounded after each axis in Pillow's order.
private func reference(_ image: Image, _ resampling: Resampling) -> [Float] {
  let (height, width, channels) = (resampling.height, resampling.width, resampling.normalization.channels)
  let box = resampling.box ?? SourceBox(top: 0, left: 0, bottom: Double(image.height), right: Double(image.width))
  func weights(_ output: Int, _ outputs: Int, _ inputs: Int, _ low: Double, _ high: Double) -> [Double] {
    let scale = (high - low) / Double(outputs)
    let widening = resampling.interpolation == .bilinearWithoutAntialias ? 1 : max(1, scale)
    let center = low + (Double(output) + 0.5) * scale
    let raw = (0..<inputs).map { input -> Double in
      let x = abs((Double(input) + 0.5 - center) / widening)
      if resampling.interpolation != .bicubic { return max(0, 1 - x) }
      return x < 1 ? 1.5 * x * x * x - 2.5 * x * x + 1 : x < 2 ? -0.5 * x * x * x + 2.5 * x * x - 4 * x + 2 : 0
    }
    let sum = raw.reduce(0, +)
    return raw.map { $0 / sum }
  }
  let highest = image.element == .uint8 ? 255.0 : 1
  let isRounded = image.element == .uint8 && resampling.interpolation != .bilinearWithoutAntialias
  func total(_ terms: [(weight: Double, value: Double)]) -> Double {
    guard isRounded else { return terms.reduce(0) { $0 + $1.weight * $1.value } }
    let sum = terms.reduce(1 << 21) {
      $0 + Int(($1.weight * 0x1p22).rounded(.toNearestOrAwayFromZero)) * Int($1.value)
    }
    return Double(min(max(sum >> 22, 0), 255))
  }
  let lost = (
    rows: Double(image.height) * (1 - Double(height) / (box.bottom - box.top)),
    columns: Double(image.width) * (1 - Double(width) / (box.right - box.left))
  )
  let isVerticalFirst = lost.rows.rounded() > 0 && lost.rows.rounded() > 2 * lost.columns.rounded()
  let values = image.bytes.map { $0.map(Double.init) } ?? (image.floats ?? []).map(Double.init)
  let columns = (0..<width).map { weights($0, width, image.width, box.left, box.right) }
  var output: [Float] = []
  for y in 0..<height {
    let down = weights(y, height, image.height, box.top, box.bottom)
    for column in 0..<width {
      let across = columns[resampling.isFlipped ? width - 1 - column : column]
      for c in 0..<channels {
        let (rows, stored) = (
          down.indices.filter { down[$0] != 0 }, across.indices.filter { across[$0] != 0 }
        )
        func value(_ r: Int, _ s: Int) -> Double { values[(r * image.width + s) * channels + c] }
        let sum =
          isVerticalFirst
          ? total(stored.map { s in (across[s], total(rows.map { (down[$0], value($0, s)) })) })
          : total(rows.map { r in (down[r], total(stored.map { (across[$0], value(r, $0)) })) })
        let clipped = min(max(sum, 0), highest) / highest
        output.append(
          Float((clipped - Double(resampling.normalization.mean[c])) / Double(resampling.normalization.std[c])))
      }
    }
  }
  return output
}

private func largestDifference(_ a: [Float], _ b: [Float]) -> Float {
  guard a.count == b.count else { return .infinity }
  return zip(a, b).map { abs($0 - $1) }.max() ?? 0
}

private func noise(_ height: Int, _ width: Int, _ channels: Int, isFloat: Bool) throws -> Image {
  let random = RandomStream(seed: 5, purpose: .views)
  let count = height * width * channels
  return isFloat
    ? try Image(
      floats: (0..<count).map { random.uniform(at: $0) }, height: height, width: width, channels: channels)
    : try Image(
      bytes: (0..<count).map { UInt8(random.integer(below: 256, at: $0)) }, height: height, width: width,
      channels: channels)
}

private func forEachInstructionSet(_ body: () throws -> Void) rethrows {
  let best = lmk_instruction_set()
  defer { _ = lmk_set_instruction_set(best) }
  for set in 0...lmk_best_instruction_set() {
    _ = lmk_set_instruction_set(set)
    try body()
  }
}

extension SerialTests {
  @Suite struct ResamplingTests {
    @Test(arguments: [
      ("whole_down_bicubic", SourceBox(top: 0, left: 0, bottom: 29, right: 37), 8, 11, Interpolation.bicubic),
      ("whole_up_bicubic", SourceBox(top: 0, left: 0, bottom: 29, right: 37), 41, 50, .bicubic),
      ("box_bicubic", SourceBox(top: 2.5, left: 3.25, bottom: 21.125, right: 30.75), 9, 17, .bicubic),
      ("box_bilinear", SourceBox(top: 2.5, left: 3.25, bottom: 21.125, right: 30.75), 9, 17, .bilinear),
    ])
    func resizesAsPillow(name: String, box: SourceBox, height: Int, width: Int, interpolation: Interpolation) throws {
      let resampling = Resampling(
        height: height, width: width, interpolation: interpolation, normalization: .none(channels: 3), box: box)
      let picture = try picture()
      let pillow = try fixture(name + ".rgb").map { Float($0) / 255 }
      #expect(try largestDifference(Array(resampling(picture).values), pillow) < 1e-6)
      // Pillow keeps what lies beyond black and white in its float images.
      let floats = try floatFixture(name + ".f32").map { min(max($0, 0), 255) / 255 }
      let unrounded = try Image(
        floats: picture.bytes?.map { Float($0) / 255 } ?? [], height: 29, width: 37, channels: 3)
      #expect(try largestDifference(Array(resampling(unrounded).values), floats) < 2e-6)
    }

    @Test(arguments: [1, 2, 3, 4, 5], Interpolation.allCases)
    func agreesWithItsDefinition(channels: Int, interpolation: Interpolation) throws {
      for isFloat in [false, true] {
        let image = try noise(17, 31, channels, isFloat: isFloat)
        for (height, width) in [(5, 3), (17, 31), (40, 33), (1, 1), (4, 40)] {
          let whole = Resampling(
            height: height, width: width, interpolation: interpolation, normalization: .standard(channels: channels))
          var part = whole
          part.box = SourceBox(top: 0.3, left: 11.2, bottom: 16.9, right: 30)
          part.isFlipped = true
          for resampling in [whole, part] {
            let wanted = reference(image, resampling)
            try forEachInstructionSet {
              let values = try Array(resampling(image).values)
              #expect(largestDifference(values, wanted) < 1e-5)
            }
          }
        }
      }
    }

    @Test func sameSizeChangesNothing() throws {
      let image = try picture()
      let same = try Resampling(height: 29, width: 37, normalization: .none(channels: 3))(image)
      #expect(image.bytes == same.values.map { UInt8(($0 * 255).rounded()) })
    }

    @Test func croppedPixelsDoNotCount() throws {
      let image = try noise(17, 31, 3, isFloat: false)
      let rectangle = PixelRectangle(top: 3, left: 5, height: 9, width: 20)
      let bytes = try #require(image.bytes)
      let starts: [Int] = (3..<12).map { ($0 * 31 + 5) * 3 }
      let copy: [UInt8] = starts.flatMap { bytes[$0..<($0 + 60)] }
      let alone = try Image(bytes: copy, height: 9, width: 20, channels: 3)
      #expect(try image.cropped(to: rectangle).bytes == copy)
      let resampling = Resampling(height: 4, width: 6, normalization: .imageNet)
      #expect(try Array(resampling(image.cropped(to: rectangle)).values) == Array(resampling(alone).values))
    }

    @Test func overshootIsClipped() throws {
      let image = try Image(bytes: [0, 0, 0, 255, 255, 255], height: 1, width: 6, channels: 1)
      let values = try Resampling(height: 1, width: 24, normalization: .none(channels: 1))(image).values
      #expect(values.min() == 0 && values.max() == 1)
    }

    @Test func badRequestsAreErrors() throws {
      let image = try picture()
      func resampled(_ height: Int, _ width: Int, _ box: SourceBox?, channels: Int = 3) throws -> Buffer {
        try Resampling(height: height, width: width, normalization: .none(channels: channels), box: box)(image)
      }
      #expect(throws: ImageError.size(height: 0, width: 4)) { try resampled(0, 4, nil) }
      #expect(throws: ImageError.channels(3, wanted: 1)) { try resampled(4, 4, nil, channels: 1) }
      for box in [
        SourceBox(top: 0, left: 0, bottom: 30, right: 37), SourceBox(top: 5, left: 0, bottom: 5, right: 3),
        SourceBox(top: -1, left: 0, bottom: 5, right: 3), SourceBox(top: .nan, left: 0, bottom: 5, right: 3),
      ] {
        #expect(throws: ImageError.self) { try resampled(4, 4, box) }
      }
      #expect(throws: ImageError.self) { try image.cropped(to: PixelRectangle(top: 0, left: 30, height: 5, width: 8)) }
      #expect(throws: ImageError.self) {
        try image.cropped(to: PixelRectangle(top: .max, left: 0, height: 5, width: 8))
      }
    }
  }
}
