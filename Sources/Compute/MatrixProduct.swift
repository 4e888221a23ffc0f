import CKernels
import COpenBLAS

/// A matrix in memory: `rows` × `columns` after the optional transposition, rows of the stored one `stride` elements apart.
public struct MatrixView {
  public let pointer: UnsafePointer<Float>
  public let stride: Int
  public let isTransposed: Bool

  public init(_ pointer: UnsafePointer<Float>, stride: Int, transposed: Bool = false) {
    self.pointer = pointer
    self.stride = stride
    isTransposed = transposed
  }

  /// The view that starts at row `row` and column `column` of the (transposed) matrix.
  func from(row: Int, column: Int) -> MatrixView {
    let offset = isTransposed ? column * stride + row : row * stride + column
    return MatrixView(pointer + offset, stride: stride, transposed: isTransposed)
  }
}

/// OpenBLAS as this library uses it, one thread a call: the pool splits the work. Touched before the first product.
let configuredBLAS: Void = { openblas_set_num_threads(1) }()

/// c = scale · a·b + keep · c for a [m, k], b [k, n], c [m, n] with rows `stride` apart, on the caller's thread.
public func product(
  _ m: Int, _ n: Int, _ k: Int, _ a: MatrixView, _ b: MatrixView, into c: UnsafeMutablePointer<Float>, stride: Int,
  scale: Float = 1, keep: Float = 0
) {
  _ = configuredBLAS
  cblas_sgemm(
    CblasRowMajor, a.isTransposed ? CblasTrans : CblasNoTrans, b.isTransposed ? CblasTrans : CblasNoTrans,
    blasint(m), blasint(n), blasint(k), scale, a.pointer, blasint(a.stride), b.pointer, blasint(b.stride),
    keep, c, blasint(stride))
}

/// The same with all threads. The cut depends on the sizes alone, so the result has the same bits for any number of threads.
///
/// - Throws: `OutOfMemory`.
public func parallelProduct(
  _ m: Int, _ n: Int, _ k: Int, _ a: MatrixView, _ b: MatrixView, into c: UnsafeMutablePointer<Float>, stride: Int,
  scale: Float = 1, keep: Float = 0
) throws {
  switch ProductCut(m, n, k) {
  case .rows(let size):
    parallel((m + size - 1) / size) { block in
      let first = block * size
      product(
        min(size, m - first), n, k, a.from(row: first, column: 0), b, into: c + first * stride, stride: stride,
        scale: scale, keep: keep)
    }
  case .columns(let size):
    parallel((n + size - 1) / size) { block in
      let first = block * size
      product(
        m, min(size, n - first), k, a, b.from(row: 0, column: first), into: c + first, stride: stride, scale: scale,
        keep: keep)
    }
  case .depth(let size):
    try sumOfPartialProducts(m, n, k, size, a, b, into: c, stride: stride, scale: scale, keep: keep)
  }
}

/// Which dimension of a product is cut among threads, and into pieces of what size.
enum ProductCut: Equatable {
  case rows(Int)
  case columns(Int)
  case depth(Int)

  /// Pieces of one dimension below which packing the other operand costs more than it brings.
  private static let least = 256

  init(_ m: Int, _ n: Int, _ k: Int) {
    if m >= 2 * Self.least {
      self = .rows(Self.pieceSize(m))
    } else if n >= 2 * Self.least {
      self = .columns(Self.pieceSize(n))
    } else if k >= 4 * Self.least {
      self = .depth(Self.pieceSize(k))
    } else {
      self = .rows(max((m + 1) / 2, 1))
    }
  }

  /// A power of two pieces (even shares for two, four, eight … threads), rounded up to whole vectors.
  private static func pieceSize(_ length: Int) -> Int {
    var pieces = 2
    while pieces < 64, length / (pieces * 2) >= 2 * least { pieces *= 2 }
    return ((length + pieces - 1) / pieces + 15) / 16 * 16
  }
}

private func sumOfPartialProducts(
  _ m: Int, _ n: Int, _ k: Int, _ size: Int, _ a: MatrixView, _ b: MatrixView, into c: UnsafeMutablePointer<Float>,
  stride: Int, scale: Float, keep: Float
) throws {
  let pieces = (k + size - 1) / size
  let partial = try Buffer(count: pieces * m * n)
  parallel(pieces) { piece in
    let first = piece * size
    product(
      m, n, min(size, k - first), a.from(row: 0, column: first), b.from(row: first, column: 0),
      into: partial.pointer + piece * m * n, stride: n, scale: scale)
  }
  parallelRows(m, cost: n * pieces) { rows in
    for row in rows {
      let sum = c + row * stride
      if keep != 1 { keep == 0 ? sum.update(repeating: 0, count: n) : lmk_scale(n, keep, sum, sum) }
      for piece in 0..<pieces { lmk_add_scaled(n, 1, partial.pointer + (piece * m + row) * n, sum) }
    }
  }
}
