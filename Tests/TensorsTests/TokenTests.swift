import Compute
import TestSupport
import Tensors
import Testing

@Suite struct TokenTests {
  @Test(arguments: [[1, 1, 1], [3, 17, 3], [1, 3, 177], [2, 177, 1], [3, 0, 3], [9, 100, 30]])
  func prependedToken(shape: [Int]) throws {
    let (images, tokens, width) = (shape[0], shape[1], shape[2])
    let positions = randomValues(images * tokens * width, seed: 7)
    try checkOperation(
      [[1, 1, width], shape], gives: [images, tokens + 1, width], terms: images,
      reference: { inputs in
        (0..<images).flatMap { image in
          inputs[0]
            + (0..<tokens * width).map {
              inputs[1][image * tokens * width + $0] + Double(positions[image * tokens * width + $0])
            }
        }
      },
      operation: { try prependToken($0[0], to: $0[1], positions: Tensor(shape: shape, values: positions)) })
  }

  @Test(arguments: [[1, 2, 1], [3, 18, 3], [1, 3, 177], [2, 178, 1], [9, 100, 30]])
  func droppedToken(shape: [Int]) throws {
    let (images, tokens, width) = (shape[0], shape[1], shape[2])
    try checkOperation(
      [shape], gives: [images, tokens - 1, width], terms: 1,
      reference: { inputs in
        Reference.rows(inputs[0], tokens * width).flatMap { $0.dropFirst(width) }
      },
      operation: { try dropFirstToken($0[0]) })
  }

  @Test(arguments: [[], [1], [3, 17], [1, 3, 177], [40_000]])
  func sumOfTwo(shape: [Int]) throws {
    try checkOperation(
      [shape, shape], gives: shape, terms: 1, reference: { zip($0[0], $0[1]).map { $0 + $1 } },
      operation: { try add($0[0], $0[1]) })
  }

  @Test(arguments: [[1, 1, 1], [3, 17, 3], [1, 3, 177], [2, 177, 1], [9, 100, 30]])
  func meanToken(shape: [Int]) throws {
    let (tokens, width) = (shape[1], shape[2])
    try checkOperation(
      [shape], gives: [shape[0], width], terms: tokens,
      reference: { inputs in
        Reference.rows(inputs[0], tokens * width).flatMap { image in
          (0..<width).map { channel in
            Reference.mean((0..<tokens).map { image[$0 * width + channel] })
          }
        }
      },
      operation: { try tokenMeans($0[0]) })
  }

  /// In either format, of as many tokens as large images have.
  @Test(arguments: [784, 1369, 100_000]) func theMeanOfEqualTokensIsTheToken(_ count: Int) throws {
    for element in [Element.float32, .bfloat16] {
      let token = try Buffer((0..<19).map { 0.1 + 0.37 * Float($0) })
      let stored = try Buffer(count: 19, element: element)
      convert(token.raw, .float32, count: 19, to: stored.raw, element)
      convert(stored.raw, element, count: 19, to: token.raw, .float32)
      let tokens = try Buffer(count: 2 * count * 19, element: element)
      for row in 0..<2 * count {
        tokens.address(row * 19).copyMemory(from: stored.raw, byteCount: 19 * element.size)
      }
      let means = try tokenMeans(Tensor(shape: [2, count, 19], buffer: tokens))
      #expect(means.values == Array(token.values) + Array(token.values))
    }
  }

  @Test func constantsAreNotRecorded() throws {
    let x = try Tensor.leaf(shape: [1, 1, 3], buffer: Buffer([1, 2, 3]))
    let (results, _) = try Tape.record { [try tokenMeans(x), try cueWeights(targets: x, visible: x, scale: 1)] }
    #expect(results.allSatisfy { $0.gradient == nil })
  }

  @Test func errorsNameTheShapes() throws {
    let x = try Tensor(shape: [2, 2, 3], values: randomValues(12, seed: 1))
    let token = try Tensor(shape: [1, 1, 3], values: [1, 2, 3])
    let flat = try x.reshaped([12])
    expectShapeError("prependToken", "x", "[12]") { _ = try prependToken(token, to: flat, positions: x) }
    expectShapeError("prependToken", "token", "[2, 2, 3]", "[1, 1, 3]") { _ = try prependToken(x, to: x, positions: x) }
    expectShapeError("prependToken", "positions", "[1, 1, 3]", "[2, 2, 3]") {
      _ = try prependToken(token, to: x, positions: token)
    }
    expectShapeError("dropFirstToken", "[12]", "3 dimensions") { _ = try dropFirstToken(flat) }
    let none = try Tensor(shape: [2, 0, 3], values: [])
    expectShapeError("dropFirstToken", "[2, 0, 3]") { _ = try dropFirstToken(none) }
    expectShapeError("tokenMeans", "[12]", "3 dimensions") { _ = try tokenMeans(flat) }
    expectShapeError("tokenMeans", "[2, 0, 3]", "at least one token") { _ = try tokenMeans(none) }
    expectShapeError("add", "[12]", "[2, 2, 3]") { _ = try add(x, flat) }
  }
}
