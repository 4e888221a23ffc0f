import Compute
import Glibc
import TestSupport
import Tensors
import Testing

@Suite struct ClassifierTests {
  @Test(arguments: [[1, 2], [3, 17], [17, 177], [300, 5]])
  func softTargets(shape: [Int]) throws {
    let (rows, classes) = (shape[0], shape[1])
    let raw = randomValues(rows * classes, seed: 5, in: 0...1)
    let goals = Reference.rows(raw.doubled, classes).flatMap { row in
      row.map { Float($0 / row.reduce(0, +)) }
    }
    try checkOperation(
      [shape], gives: [], terms: rows + classes,
      reference: { inputs in
        let rows = zip(Reference.rows(inputs[0], classes), Reference.rows(goals.doubled, classes))
        return [
          Reference.mean(rows.map { x, goal in -zip(Reference.softmax(x), goal).reduce(0) { $0 + $1.1 * log($1.0) } })
        ]
      },
      operation: { try softCrossEntropy($0[0], targets: Tensor(shape: shape, values: goals)) })
  }

  @Test(arguments: [[1, 1, 1], [3, 17, 3], [2, 3, 177]])
  func firstOfTokens(shape: [Int]) throws {
    let size = shape[1] * shape[2]
    try checkOperation(
      [shape], gives: [shape[0], shape[2]], terms: 1,
      reference: { Reference.rows($0[0], size).flatMap { $0.prefix(shape[2]) } }, operation: { try firstToken($0[0]) })
  }

  @Test(arguments: [[1, 1, 1], [3, 17, 3], [2, 3, 177], [9, 100, 30]])
  func meanOfTokens(shape: [Int]) throws {
    let (tokens, width) = (shape[1], shape[2])
    try checkOperation(
      [shape], gives: [shape[0], width], terms: tokens,
      reference: { inputs in
        Reference.rows(inputs[0], tokens * width).flatMap { image in
          (0..<width).map { channel in Reference.mean((0..<tokens).map { image[$0 * width + channel] }) }
        }
      },
      operation: { x in
        let y = try averagedTokens(x[0])
        #expect(y.gradient != nil)
        return y
      })
  }

  @Test(arguments: [([1, 1, 1], 1), ([3, 17, 3], 1), ([3, 17, 3], 10), ([2, 3, 177], 3), ([9, 40, 30], 10)])
  func largestOfTokens(shape: [Int], k: Int) throws {
    let (tokens, width) = (shape[1], shape[2])
    try checkOperation(
      [shape], gives: [shape[0], width], terms: k,
      reference: { inputs in
        Reference.rows(inputs[0], tokens * width).flatMap { image in
          (0..<width).map { channel in
            Reference.mean(Array((0..<tokens).map { image[$0 * width + channel] }.sorted(by: >).prefix(k)))
          }
        }
      },
      operation: { try largestTokenMeans($0[0], k: k) })
  }

  @Test func errorsNameTheShapes() throws {
    let x = try Tensor(shape: [1, 2, 3], values: randomValues(6, seed: 1))
    expectShapeError("largestTokenMeans", "3", "1 … 2") { _ = try largestTokenMeans(x, k: 3) }
    expectShapeError("softCrossEntropy", "logits", "[1, 2, 3]") { _ = try softCrossEntropy(x, targets: x) }
    expectShapeError("firstToken", "[6]") { _ = try firstToken(x.reshaped([6])) }
  }
}
