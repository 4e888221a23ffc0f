import CKernels

/// How values between pixels are found.
public enum Interpolation: String, Sendable, CaseIterable {
  /// Cubic convolution with a = −½, widened by the factor of reduction: Pillow's BICUBIC, torchvision's with antialias.
  case bicubic
  /// The triangle filter, widened by the factor of reduction: Pillow's BILINEAR, torchvision's with antialias.
  case bilinear
  /// Between the two nearest pixels whatever the reduction: torchvision's bilinear without antialias.
  case bilinearWithoutAntialias = "bilinear_without_antialias"

  /// Half the filter's width, in output pixels.
  var support: Double { self == .bicubic ? 2 : 1 }
  var isWidened: Bool { self != .bilinearWithoutAntialias }

  /// The filter's value at distance `x`.
  func weight(_ x: Double) -> Double {
    let x = abs(x)
    guard self == .bicubic else { return max(0, 1 - x) }
    let a = -0.5
    if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0
  }
}

/// Which input pixels make up each output pixel along one axis, with what weights: Pillow's `precompute_coeffs`.
struct AxisWeights {
  var first: [Int32] = []
  var count: [Int32] = []
  /// [outputs, stride]; empty where there are `fixedWeights`.
  var weights: [Float] = []
  /// [outputs, stride] in 1 / 2²², rounded to the nearest, for images of 8 bits; else empty.
  var fixedWeights: [Int32] = []
  let stride: Int

  /// - Parameters:
  ///   - inputs: pixels along the axis; those outside do not exist, and the weights of those inside are scaled to sum
  ///     1.
  ///   - low: where the part to resize begins, in pixels, within 0 … inputs.
  ///   - high: where it ends.
  ///   - outputs: pixels to make of it.
  ///   - isReversed: last output first.
  ///   - isFixed: weights are for levels of 8 bits.
  init(
    inputs: Int, from low: Double, to high: Double, outputs: Int, _ interpolation: Interpolation,
    isReversed: Bool = false, isFixed: Bool = false
  ) {
    let scale = (high - low) / Double(outputs)
    let widening = interpolation.isWidened ? max(scale, 1) : 1
    let support = interpolation.support * widening
    stride = min(Int(support.rounded(.up)) * 2 + 1, inputs)
    if isFixed {
      fixedWeights = [Int32](repeating: 0, count: outputs * stride)
    } else {
      weights = [Float](repeating: 0, count: outputs * stride)
    }
    first.reserveCapacity(outputs)
    count.reserveCapacity(outputs)
    var raw = [Double](repeating: 0, count: stride)
    for index in 0..<outputs {
      let output = isReversed ? outputs - 1 - index : index
      let center = low + (Double(output) + 0.5) * scale
      let begin = min(max(Int(center - support + 0.5), 0), inputs - 1)
      let end = min(max(Int(center + support + 0.5), begin + 1), inputs, begin + stride)
      var sum = 0.0
      for k in 0..<(end - begin) {
        raw[k] = interpolation.weight((Double(begin + k) - center + 0.5) / widening)
        sum += raw[k]
      }
      for k in 0..<(end - begin) {
        let weight = sum != 0 ? raw[k] / sum : raw[k]
        if isFixed {
          fixedWeights[index * stride + k] = Int32((weight * Self.fixedOne).rounded(.toNearestOrAwayFromZero))
        } else {
          weights[index * stride + k] = Float(weight)
        }
      }
      first.append(Int32(begin))
      count.append(Int32(end - begin))
    }
  }

  private static let fixedOne = Double(1 << LMK_WEIGHT_BITS)

  /// The inputs that any output reads.
  var inputsRead: Range<Int> {
    var (low, high) = (Int(Int32.max), 0)
    for (first, count) in zip(first, count) {
      low = min(low, Int(first))
      high = max(high, Int(first + count))
    }
    return min(low, high)..<high
  }

  /// The same with inputs counted from `start`.
  mutating func shift(by start: Int) {
    for index in first.indices { first[index] -= Int32(start) }
  }
}
