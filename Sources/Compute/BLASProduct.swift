import CKernels
import COpenBLAS

/// Makes OpenBLAS single-threaded, because this library's pool splits the work. Evaluate it before the first product.
let configuredBLAS: Void = { openblas_set_num_threads(1) }()

/// A float32 product by OpenBLAS, for processors without AVX2.
struct BLASProduct {
  let m: Int
  let n: Int
  let k: Int

  private var code: Int32 { Element.float32.code }

  /// Computes it on the caller's thread.
  func runAlone(_ a: MatrixView, _ b: MatrixView, into c: MatrixOutput, _ epilogue: Epilogue) {
    prepare(c, epilogue, rows: 0..<m)
    sgemm(m, n, k, a, b, into: c.floats, stride: c.stride, alpha: epilogue.alpha, beta: starts(epilogue))
    finish(c, epilogue, rows: 0..<m)
  }

  /// Computes it with all threads. The cut depends on the sizes alone, so the result has the same bits for any number
  /// of threads.
  ///
  /// - Throws: `OutOfMemory`.
  func run(_ a: MatrixView, _ b: MatrixView, into c: MatrixOutput, _ epilogue: Epilogue) throws {
    parallelRows(m, cost: n) { prepare(c, epilogue, rows: $0) }
    let beta = starts(epilogue)
    try multiply(a, b, into: c.floats, stride: c.stride, alpha: epilogue.alpha, beta: beta)
    parallelRows(m, cost: n) { finish(c, epilogue, rows: $0) }
  }

  /// beta of the BLAS call: 1 if `prepare` has put bias and residual into c.
  private func starts(_ epilogue: Epilogue) -> Float {
    epilogue.bias != nil || epilogue.residual != nil ? 1 : epilogue.kind == .store ? epilogue.beta : 0
  }

  /// Sets c = bias + residual + beta · c if there is a bias or residual.
  private func prepare(_ c: MatrixOutput, _ epilogue: Epilogue, rows: Range<Int>) {
    guard epilogue.bias != nil || epilogue.residual != nil else { return }
    for row in rows {
      let place = c.floats + row * c.stride
      let residual = epilogue.residual.map { $0 + row * c.stride }
      if epilogue.beta == 0 {
        lmk_fill_rows(1, n, epilogue.bias, residual, place)
      } else {
        lmk_scale(n, epilogue.beta, place, place)
        if let bias = epilogue.bias { lmk_add(n, place, bias, place, code) }
        if let residual { lmk_add(n, place, residual, place, code) }
      }
    }
  }

  private func finish(_ c: MatrixOutput, _ epilogue: Epilogue, rows: Range<Int>) {
    guard epilogue.kind != .store else { return }
    for row in rows {
      let place = c.floats + row * c.stride
      let before = epilogue.before.map { $0.assumingMemoryBound(to: Float.self) + row * c.stride }
      switch epilogue.kind {
      case .store: break
      case .gelu:
        before?.update(from: place, count: n)
        lmk_gelu(n, place, place, code)
      case .geluGradient:
        guard let before else { continue }
        lmk_gelu_gradient(n, before, place, place, code)
        lmk_gelu(n, before, before, code)
      }
    }
  }
}

/// c = alpha · a·b + beta · c on the caller's thread.
private func sgemm(
  _ m: Int, _ n: Int, _ k: Int, _ a: MatrixView, _ b: MatrixView, into c: UnsafeMutablePointer<Float>, stride: Int,
  alpha: Float, beta: Float
) {
  _ = configuredBLAS
  cblas_sgemm(
    CblasRowMajor, a.isTransposed ? CblasTrans : CblasNoTrans, b.isTransposed ? CblasTrans : CblasNoTrans,
    blasint(m), blasint(n), blasint(k), alpha, a.floats, blasint(a.stride), b.floats, blasint(b.stride),
    beta, c, blasint(stride))
}

extension BLASProduct {
  private func multiply(
    _ a: MatrixView, _ b: MatrixView, into c: UnsafeMutablePointer<Float>, stride: Int, alpha: Float, beta: Float
  ) throws {
    switch ProductCut(m, n, k) {
    case .rows(let size):
      parallel((m + size - 1) / size) { block in
        let first = block * size
        sgemm(
          min(size, m - first), n, k, a.from(row: first, column: 0), b, into: c + first * stride, stride: stride,
          alpha: alpha, beta: beta)
      }
    case .columns(let size):
      parallel((n + size - 1) / size) { block in
        let first = block * size
        sgemm(
          m, min(size, n - first), k, a, b.from(row: 0, column: first), into: c + first, stride: stride, alpha: alpha,
          beta: beta)
      }
    case .depth(let size):
      try sumOfPartialProducts(m, n, k, size, a, b, into: c, stride: stride, alpha: alpha, beta: beta)
    }
  }
}

/// Which dimension of a product is split among threads, and the size of the pieces.
enum ProductCut: Equatable {
  case rows(Int)
  case columns(Int)
  case depth(Int)

  /// Smallest size of a piece: below it, packing the other operand anew for each piece outweighs the gain.
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

  /// The number of pieces is a power of two, to share evenly among 2, 4, 8, … threads; sizes are whole vectors.
  private static func pieceSize(_ length: Int) -> Int {
    var pieces = 2
    while pieces < 64, length / (pieces * 2) >= 2 * least { pieces *= 2 }
    return ((length + pieces - 1) / pieces + 15) / 16 * 16
  }
}

private func sumOfPartialProducts(
  _ m: Int, _ n: Int, _ k: Int, _ size: Int, _ a: MatrixView, _ b: MatrixView, into c: UnsafeMutablePointer<Float>,
  stride: Int, alpha: Float, beta: Float
) throws {
  let pieces = (k + size - 1) / size
  let partial = try Buffer(count: pieces * m * n)
  parallel(pieces) { piece in
    let first = piece * size
    sgemm(
      m, n, min(size, k - first), a.from(row: 0, column: first), b.from(row: first, column: 0),
      into: partial.pointer + piece * m * n, stride: n, alpha: alpha, beta: 0)
  }
  parallelRows(m, cost: n * pieces) { rows in
    for row in rows {
      let sum = c + row * stride
      if beta != 1 { beta == 0 ? sum.update(repeating: 0, count: n) : lmk_scale(n, beta, sum, sum) }
      for piece in 0..<pieces { lmk_add_scaled(n, 1, partial.pointer + (piece * m + row) * n, sum) }
    }
  }
}
