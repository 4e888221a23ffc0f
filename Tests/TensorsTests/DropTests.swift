import Compute
import TestSupport
import Tensors
import Testing

/// One after the other, and anywhere; what they are and how they are said.
private func someImagePlaces(_ count: Int) -> [([Int], ImagePlaces)] {
  let anywhere = (0..<count).map { ($0 * 37 + 5) % 101 }
  return [(Array(7..<7 + count), .from(7)), (anywhere, .these(anywhere))]
}

@Suite struct DropPathTests {
  private let stream = RandomStream(seed: 5, purpose: .dropout, epoch: 3, item: 9)

  @Test(arguments: [[1, 1, 1], [3, 17, 3], [8, 3, 177], [40, 100, 30]])
  func leavesOutWholeImages(shape: [Int]) throws {
    let (size, rate) = (shape[1] * shape[2], Float(0.4))
    for (places, images) in someImagePlaces(shape[0]) {
      let factors = places.map { stream.uniform(at: $0) < rate ? 0 : 1 / (1 - Double(rate)) }
      #expect(shape[0] < 8 || Set(factors).count == 2)
      try checkOperation(
        [shape, shape], gives: shape, terms: 2,
        reference: { inputs in inputs[0].indices.map { inputs[1][$0] + factors[$0 / size] * inputs[0][$0] } },
        operation: { try addDroppingPaths($0[0], to: $0[1], rate: rate, stream: stream, images: images) })
    }
  }

  @Test func errorsNameRatesAndShapes() throws {
    let x = try Tensor(shape: [1, 2, 3], values: randomValues(6, seed: 1))
    let flat = try x.reshaped([6])
    for rate: Float in [-0.1, 1, .nan] {
      expectShapeError("dropPath", "\(rate)", "below 1") {
        _ = try addDroppingPaths(x, to: x, rate: rate, stream: stream)
      }
      expectShapeError("dropout", "\(rate)", "below 1") { _ = try dropout(x, rate: rate, stream: stream) }
    }
    expectShapeError("dropPath", "residual", "[6]") { _ = try addDroppingPaths(x, to: flat, rate: 0, stream: stream) }
    expectShapeError("dropPath", "branch", "[6]") { _ = try addDroppingPaths(flat, to: x, rate: 0, stream: stream) }
    expectShapeError("dropout", "x", "[6]") { _ = try dropout(flat, rate: 0, stream: stream) }
  }
}

@Suite struct DropoutTests {
  private let stream = RandomStream(seed: 5, purpose: .dropout, epoch: 3, item: 9)

  /// 0 or 1/(1 − rate) of every element: element i of 256 neighbours of a row has word i/64 of draw i % 64.
  private func factors(_ shape: [Int], rate: Double, places: [Int]) -> [Double] {
    let blocks = (shape[2] + 255) / 256
    return places.flatMap { place in place * shape[1]..<(place + 1) * shape[1] }.flatMap { row in
      (0..<shape[2]).map { column in
        let draw = stream.words(at: (row * blocks + column / 256) * 64 + column % 64)
        let word = [draw.0, draw.1, draw.2, draw.3][column % 256 / 64]
        return Double(word) < rate * 0x1p32 ? 0 : 1 / (1 - rate)
      }
    }
  }

  @Test(arguments: [[1, 1, 1], [3, 17, 3], [2, 3, 177], [1, 2, 600], [9, 100, 30]])
  func zeroesElements(shape: [Int]) throws {
    for (places, images) in someImagePlaces(shape[0]) {
      let factors = factors(shape, rate: 0.25, places: places)
      try checkOperation(
        [shape], gives: shape, terms: 1, reference: { zip($0[0], factors).map { $0 * $1 } },
        operation: { try dropout($0[0], rate: 0.25, stream: stream, images: images) })
    }
  }

  /// The count lies within 5 standard deviations.
  @Test func theShareIsTheRate() throws {
    let ones = try Tensor(shape: [4, 100, 300], values: [Float](repeating: 1, count: 120_000))
    let zeros = try dropout(ones, rate: 0.3, stream: stream).values.count { $0 == 0 }
    #expect(abs(Double(zeros) - 36_000) < 5 * (120_000 * 0.3 * 0.7).squareRoot())
  }

  @Test func bfloat16IsRoundedOnce() throws {
    let values = randomValues(600, seed: 3)
    let rounded = try Buffer(count: 600, element: .bfloat16)
    convert(try Buffer(values).raw, .float32, count: 600, to: rounded.raw, .bfloat16)
    let exact = try Buffer(count: 600)
    convert(rounded.raw, .bfloat16, count: 600, to: exact.raw, .float32)
    try Machine.onEachInstructionSet { _ in
      let y = try dropout(Tensor(shape: [1, 2, 300], buffer: rounded), rate: 0.25, stream: stream)
      #expect(y.element == .bfloat16)
      let found = try Buffer(count: 600)
      convert(y.buffer.raw, .bfloat16, count: 600, to: found.raw, .float32)
      let factors = factors([1, 2, 300], rate: 0.25, places: [0])
      expectClose(found.values, zip(exact.values, factors).map { Double($0) * $1 }, relative: 0x1p-8)
    }
  }
}
