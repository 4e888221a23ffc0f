import Compute
import Tensors

/// One run of an operation and of its gradient, under a cotangent for its output.
public struct OperationRun {
  public let shape: [Int]
  public let value: [Float]
  /// Of every input; empty where none arrived.
  public let gradients: [[Float]]
  /// Whether the result wanted a gradient: constants do not.
  public let isRecorded: Bool

  public init(
    _ shapes: [[Int]], _ inputs: [[Float]], cotangent: [Float], _ operation: ([Tensor]) throws -> Tensor
  ) throws {
    let leaves = try zip(shapes, inputs).map { try Tensor.leaf(shape: $0, buffer: Buffer($1)) }
    let (outputs, tape) = try Tape.record {
      let y = try operation(leaves)
      return (y: y, sum: y.gradient == nil ? nil : try contracted(y, with: cotangent))
    }
    if let sum = outputs.sum { try tape.backward(from: sum) }
    shape = outputs.y.shape
    value = outputs.y.values
    isRecorded = outputs.sum != nil
    gradients = leaves.map { $0.gradient?.value.map { Array($0.values) } ?? [] }
  }
}

/// Σ cotangent·y: the single number a tape walks back from.
public func contracted(_ y: Tensor, with cotangent: [Float]) throws -> Tensor {
  try linear(y.reshaped([1, y.count]), weight: Tensor(shape: [1, y.count], values: cotangent))
}
