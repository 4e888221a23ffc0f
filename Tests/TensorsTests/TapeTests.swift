import Compute
import TestSupport
import Tensors
import Testing

@Suite struct TapeTests {
  func leaf(_ values: [Float], _ shape: [Int]? = nil) throws -> Tensor {
    try Tensor.leaf(shape: shape ?? [values.count], buffer: Buffer(values))
  }

  func gradient(_ tensor: Tensor) -> [Float]? { tensor.gradient?.value.map { Array($0.values) } }

  @Test func tensorUsedTwiceGetsBothGradients() throws {
    let x = try leaf([1, 2, 3])
    let (sum, tape) = try Tape.record { try contracted(add(x, add(x, x)), with: [1, 10, 100]) }
    try tape.backward(from: sum)
    #expect(gradient(x) == [3, 30, 300])
  }

  /// y = x·Wᵀ + (x + other), walked backwards: x and other first hold the same buffer; the product must not be added in
  /// it.
  @Test func sharedBuffersAreNotWrittenTo() throws {
    let x = try leaf([1, 2], [1, 2])
    let other = try leaf([5, 6], [1, 2])
    let weight = try Tensor(shape: [2, 2], values: [1, 2, 3, 4])
    let (sum, tape) = try Tape.record {
      let product = try linear(x, weight: weight)
      return try contracted(add(product, add(x, other)), with: [1, 10])
    }
    try tape.backward(from: sum)
    #expect(gradient(other) == [1, 10])
    #expect(gradient(x) == [1 + 31, 10 + 42])
  }

  /// The same with the order turned: the product comes first and is accumulated in, the residual is added to it.
  @Test func residualOfItsOwnInput() throws {
    let x = try leaf([1, 2], [1, 2])
    let weight = try leaf([1, 2, 3, 4], [2, 2])
    let (sum, tape) = try Tape.record { try contracted(linear(x, weight: weight, residual: x), with: [1, 10]) }
    try tape.backward(from: sum)
    #expect(gradient(x) == [1 + 31, 10 + 42])
    #expect(gradient(weight) == [1, 2, 10, 20])
  }

  @Test func gradientsReadEarlierStayAsTheyWere() throws {
    let x = try leaf([1, 2])
    var kept: Buffer?
    for expected in [[1, 10], [2, 20], [3, 30]] as [[Float]] {
      let (sum, tape) = try Tape.record { try contracted(x, with: [1, 10]) }
      try tape.backward(from: sum)
      #expect(gradient(x) == expected)
      if kept == nil { kept = x.gradient?.value }
    }
    #expect(kept.map { Array($0.values) } == [1, 10])
    x.gradient?.clear()
    #expect(gradient(x) == nil)
  }

  @Test func scaleMultipliesTheGradient() throws {
    let x = try leaf([1, 2])
    let (sum, tape) = try Tape.record { try contracted(x, with: [1, 10]) }
    try tape.backward(from: sum, scale: 0.5)
    #expect(gradient(x) == [0.5, 5])
  }

  @Test func pausedTapeRecordsNothing() throws {
    let x = try leaf([1, 2])
    let (sum, tape) = try Tape.record {
      let constant = try Tape.pause { try add(x, x) }
      #expect(constant.gradient == nil)
      return try contracted(add(x, constant), with: [1, 10])
    }
    try tape.backward(from: sum)
    #expect(gradient(x) == [1, 10])
  }

  @Test func nothingIsKeptWithoutATapeOrWithoutLeaves() throws {
    let x = try leaf([1, 2])
    #expect(try add(x, x).gradient == nil)
    let constants = try Tape.record { try add(x.detached, x.detached) }
    #expect(constants.result.gradient == nil)
  }

  @Test func reshapedTensorSharesItsGradient() throws {
    let x = try leaf([1, 2, 3, 4])
    let (sum, tape) = try Tape.record {
      try contracted(add(x.reshaped([2, 2]), x.reshaped([2, 2])), with: [1, 2, 3, 4])
    }
    try tape.backward(from: sum)
    #expect(gradient(x) == [2, 4, 6, 8])
  }

  /// A branch that the output does not depend on, and a leaf that is the output itself.
  @Test func unusedBranchesGetNothing() throws {
    let (x, unused) = (try leaf([1, 2]), try leaf([3, 4]))
    let (sum, tape) = try Tape.record {
      _ = try add(unused, unused)
      return try contracted(x, with: [1, 10])
    }
    try tape.backward(from: sum)
    #expect(gradient(unused) == nil)
    let number = try leaf([7], [])
    try Tape.record { number }.tape.backward(from: number, scale: 3)
    #expect(gradient(number) == [3])
  }

  @Test func backwardErrors() throws {
    let x = try leaf([1, 2])
    let (y, tape) = try Tape.record { try add(x, x) }
    expectShapeError("backward", "[2]", "single number") { try tape.backward(from: y) }
    let constant = try Tensor(shape: [], values: [1])
    expectShapeError("backward", "nothing that wants a gradient") { try tape.backward(from: constant) }
  }
}

@Suite struct TensorTests {
  @Test func shapesMustFitTheValues() throws {
    expectShapeError("tensor", "3 values", "[2, 2]") { _ = try Tensor(shape: [2, 2], values: [1, 2, 3]) }
    expectShapeError("tensor", "[-1, -3]") { _ = try Tensor(shape: [-1, -3], values: [1, 2, 3]) }
    expectShapeError("tensor", "[2]") { _ = try Tensor.leaf(shape: [2], buffer: Buffer([1, 2, 3])) }
    let x = try Tensor(shape: [3], values: [1, 2, 3])
    expectShapeError("reshape", "[3]", "[2, 2]") { _ = try x.reshaped([2, 2]) }
    expectShapeError("reshape", "[-1, -3]") { _ = try x.reshaped([-1, -3]) }
    expectShapeError("reshape", "\(Int.max)") { _ = try x.reshaped([Int.max, 3]) }
    #expect(try x.reshaped([1, 3, 1]).shape == [1, 3, 1])
  }

  @Test func items() throws {
    #expect(try Tensor(shape: [], values: [4]).item == 4)
    #expect(try Tensor(shape: [0], values: []).item.isNaN)
  }
}
