import Compute

/// A dense row-major array. Its values never change after creation, except those of parameters, which an optimiser
/// updates in place.
///
/// Shape letters, everywhere: B images, N tokens of a sequence, C channels of a token, V visible and T target patches,
/// L grid cells, P patch side. A tensor of shape [] is a scalar. Values are float32; activations between products may
/// be bfloat16.
public struct Tensor {
  public let shape: [Int]
  public let buffer: Buffer
  /// Accumulates the gradient of this tensor; nil if none is required.
  public let gradient: GradientSlot?
  /// Caches the packed form of a weight; only leaves have one.
  public let packing: PackingSlot?
  /// Recomputes the values; nil if keeping them is cheaper.
  let again: (() throws -> Buffer)?

  init(
    shape: [Int], buffer: Buffer, gradient: GradientSlot?, packing: PackingSlot? = nil,
    again: (() throws -> Buffer)? = nil
  ) {
    self.shape = shape
    self.buffer = buffer
    self.gradient = gradient
    self.packing = packing
    self.again = again
  }

  /// A constant: no gradient flows into it.
  ///
  /// - Throws: `ShapeError` if the number of values in `buffer` does not match `shape`.
  public init(shape: [Int], buffer: Buffer) throws {
    guard elementCount(shape) == buffer.count else {
      throw ShapeError("tensor", "\(buffer.count) values do not make the shape \(shape)")
    }
    self.init(shape: shape, buffer: buffer, gradient: nil)
  }

  /// A constant with the given values.
  public init(shape: [Int], values: some Collection<Float>) throws {
    try self.init(shape: shape, buffer: Buffer(values))
  }

  /// A constant of zeros.
  public static func zeros(_ shape: [Int]) throws -> Tensor {
    try Tensor(shape: shape, buffer: Buffer(count: shape.reduce(1, *), repeating: 0))
  }

  /// A tensor that accumulates the gradient of whatever is computed from it.
  ///
  /// - Throws: `ShapeError` if the number of values in `buffer` does not match `shape`.
  public static func leaf(shape: [Int], buffer: Buffer) throws -> Tensor {
    let constant = try Tensor(shape: shape, buffer: buffer)
    return Tensor(shape: shape, buffer: constant.buffer, gradient: GradientSlot(), packing: PackingSlot())
  }

  public var count: Int { buffer.count }
  public var element: Element { buffer.element }
  public var pointer: UnsafeMutablePointer<Float> { buffer.pointer }
  /// A copy of the values.
  public var values: [Float] { Array(buffer.values) }
  /// The value of a tensor of one element; the first of several, NaN if there is none.
  public var item: Float { count > 0 ? pointer[0] : .nan }

  /// The size of the last dimension; 1 for a scalar.
  var width: Int { shape.last ?? 1 }
  /// The number of rows of `width` elements.
  var rows: Int { width == 0 ? 0 : count / width }

  /// The values, for use by a gradient later.
  var kept: KeptValues { KeptValues(self) }

  /// The same values without a gradient.
  public var detached: Tensor { Tensor(shape: shape, buffer: buffer, gradient: nil, packing: packing) }

  /// The same values in another shape, without a copy.
  ///
  /// - Throws: `ShapeError` if the number of values differs.
  public func reshaped(_ newShape: [Int]) throws -> Tensor {
    guard elementCount(newShape) == count else {
      throw ShapeError("reshape", "the \(count) values of \(shape) do not make the shape \(newShape)")
    }
    return Tensor(shape: newShape, buffer: buffer, gradient: gradient, again: again)
  }
}

/// Shapes or other arguments that do not fit an operation.
public struct ShapeError: DescribedError {
  public let kind = ErrorKind.value
  public let operation: String
  public let problem: String
  public var description: String { "\(operation): \(problem)" }

  public init(_ operation: String, _ problem: String) {
    self.operation = operation
    self.problem = problem
  }
}

/// - Throws: `ShapeError` unless `tensor` has `dimensions` dimensions.
func expect(_ dimensions: Int, _ tensor: Tensor, _ operation: String, _ name: String) throws {
  guard tensor.shape.count == dimensions else {
    throw ShapeError(operation, "\(name) has shape \(tensor.shape), wanted \(dimensions) dimensions")
  }
}

/// - Throws: `ShapeError` unless `tensor` has exactly this shape.
func expect(_ shape: [Int], _ tensor: Tensor, _ operation: String, _ name: String) throws {
  guard tensor.shape == shape else {
    throw ShapeError(operation, "\(name) has shape \(tensor.shape), wanted \(shape)")
  }
}
