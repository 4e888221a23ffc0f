import Compute
import Glibc
import TestSupport
import Tensors
import Testing

@Suite struct SigmoidUnitTests {
  @Test(arguments: [(Float(1), Float(0)), (1.702, 0), (1.5957691, 0.07135481)])
  func everySlope(slope: Float, cubic: Float) throws {
    for shape in [[1], [3, 17], [40_000]] {
      let largest: Float = 6
      // exp's relative error is 2e-7, and so is that of its reciprocal's; times x, and times u' in the gradient.
      let floor = 4e-7 * Double(largest)
      try checkOperation(
        [shape], gives: shape, terms: 4,
        inputs: [randomValues(shape.reduce(1, *), seed: 1, in: -largest...largest)], valueFloor: floor,
        gradientFloor: 4 * floor,
        reference: { $0[0].map { $0 / (1 + exp(-(Double(slope) * $0 + Double(cubic) * $0 * $0 * $0))) } },
        operation: { try sigmoidUnit($0[0], slope: slope, cubic: cubic) })
    }
  }
}

@Suite struct GatedTests {
  @Test(arguments: [[2, 2], [3, 34], [2, 3, 6], [1000, 40]])
  func everyShape(shape: [Int]) throws {
    let width = shape[shape.count - 1] / 2
    try checkOperation(
      [shape], gives: shape.dropLast() + [width], terms: 4, valueFloor: 1e-6, gradientFloor: 1e-6,
      reference: { inputs in
        Reference.rows(inputs[0], 2 * width).flatMap { row in
          (0..<width).map { row[$0] / (1 + exp(-row[$0])) * row[width + $0] }
        }
      },
      operation: { try gated($0[0]) })
  }

  @Test func oddRowsAreRefused() throws {
    let x = try Tensor(shape: [2, 3], values: randomValues(6, seed: 1))
    expectShapeError("gated", "x", "[2, 3]", "even") { _ = try gated(x) }
  }
}

@Suite struct RotaryTests {
  /// (images, tokens, patches, heads, half a head's width)
  @Test(arguments: [(1, 1, 1, 1, 1), (2, 5, 4, 3, 2), (3, 7, 7, 2, 17), (2, 200, 196, 4, 8)])
  func turnsQueriesAndKeys(images: Int, tokens: Int, patches: Int, heads: Int, half: Int) throws {
    let width = 2 * half * heads
    let angles = randomValues(patches * half, seed: 5, in: -7...7).map(Double.init)
    let table = try RotaryTable(angles, patches: patches)
    try checkOperation(
      [[images, tokens, 3 * width]], gives: [images, tokens, 3 * width], terms: 4,
      reference: { inputs in
        Reference.rows(inputs[0], 3 * width).enumerated().flatMap { row, values in
          let patch = row % tokens - (tokens - patches)
          guard patch >= 0 else { return values }
          return values.indices.map { index in
            guard index < 2 * width else { return values[index] }
            let place = index % (2 * half)
            let angle = angles[patch * half + place % half]
            return place < half
              ? values[index] * cos(angle) - values[index + half] * sin(angle)
              : values[index] * cos(angle) + values[index - half] * sin(angle)
          }
        }
      },
      operation: { try rotated($0[0], heads: heads, by: table) })
  }

  @Test func shapesThatDoNotFit() throws {
    let table = try RotaryTable([1, 2, 3, 4], patches: 2)
    let qkv = try Tensor(shape: [1, 1, 12], values: randomValues(12, seed: 1))
    expectShapeError("rotated", "[1, 1, 12]", "2 patches", "4 wide") { _ = try rotated(qkv, heads: 1, by: table) }
    expectShapeError("rotary", "3 angles", "2 patches") { _ = try RotaryTable([1, 2, 3], patches: 2) }
  }
}
