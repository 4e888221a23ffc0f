import CKernels

/// A matrix stored row-major, rows `stride` elements apart, optionally seen transposed.
public struct MatrixView {
  public let pointer: UnsafeRawPointer
  public let element: Element
  public let stride: Int
  public let isTransposed: Bool

  public init(_ pointer: UnsafeRawPointer, stride: Int, transposed: Bool = false, element: Element = .float32) {
    self.pointer = pointer
    self.element = element
    self.stride = stride
    isTransposed = transposed
  }

  /// The view that starts at row `row` and column `column` of the (transposed) matrix.
  func from(row: Int, column: Int) -> MatrixView {
    let offset = isTransposed ? column * stride + row : row * stride + column
    return MatrixView(pointer + offset * element.size, stride: stride, transposed: isTransposed, element: element)
  }

  /// The elements of a float32 matrix.
  var floats: UnsafePointer<Float> { pointer.assumingMemoryBound(to: Float.self) }

  var matrix: lmk_matrix {
    lmk_matrix(data: pointer, stride: stride, type: element.code, transposed: isTransposed ? 1 : 0)
  }
}

/// The destination of a product: row-major, rows `stride` elements apart.
public struct MatrixOutput {
  public let pointer: UnsafeMutableRawPointer
  public let element: Element
  public let stride: Int

  public init(_ pointer: UnsafeMutableRawPointer, stride: Int, element: Element = .float32) {
    self.pointer = pointer
    self.element = element
    self.stride = stride
  }

  /// Its rows from `row` on.
  func from(row: Int) -> MatrixOutput {
    MatrixOutput(pointer + row * stride * element.size, stride: stride, element: element)
  }

  /// The elements of a float32 matrix.
  var floats: UnsafeMutablePointer<Float> { pointer.assumingMemoryBound(to: Float.self) }
}

/// What is applied to a product's sums before they are stored.
public struct Epilogue {
  public enum Kind: Sendable {
    /// c = alpha · sum + bias + residual + beta · c
    case store
    /// before = sum + bias, unless `before` is nil; c = gelu(sum + bias)
    case gelu
    /// c = sum · gelu′(before); before = gelu(before)
    case geluGradient

    var code: Int32 {
      switch self {
      case .store: Int32(LMK_STORE)
      case .gelu: Int32(LMK_STORE_GELU)
      case .geluGradient: Int32(LMK_STORE_GELU_GRADIENT)
      }
    }
  }

  public var kind = Kind.store
  public var alpha: Float = 1
  public var beta: Float = 0
  /// One float per column.
  public var bias: UnsafePointer<Float>?
  /// Shape and stride of the result.
  public var residual: UnsafePointer<Float>?
  /// Element type, shape and stride of the result.
  public var before: UnsafeMutableRawPointer?

  public init(
    _ kind: Kind = .store, alpha: Float = 1, beta: Float = 0, bias: UnsafePointer<Float>? = nil,
    residual: UnsafePointer<Float>? = nil, before: UnsafeMutableRawPointer? = nil
  ) {
    self.kind = kind
    self.alpha = alpha
    self.beta = beta
    self.bias = bias
    self.residual = residual
    self.before = before
  }

  /// That of the rows of `c` from `row` on.
  func from(row: Int, of c: MatrixOutput) -> Epilogue {
    let place = row * c.stride
    var rest = self
    rest.residual = residual.map { $0 + place }
    rest.before = before.map { $0 + place * c.element.size }
    return rest
  }

  /// The kernels' epilogue for the block of `c` that starts at a row and column.
  func kernel(_ c: MatrixOutput, row: Int, column: Int) -> lmk_epilogue {
    let place = row * c.stride + column
    return lmk_epilogue(
      kind: kind.code, alpha: alpha, beta: beta, bias: bias.map { $0 + column }, residual: residual.map { $0 + place },
      residual_stride: c.stride, before: before.map { $0 + place * c.element.size },
      c: c.pointer + place * c.element.size, stride: c.stride, type: c.element.code)
  }
}
