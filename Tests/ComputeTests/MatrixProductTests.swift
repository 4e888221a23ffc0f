import TestSupport
import Testing

@testable import Compute

@Suite struct MatrixProductTests {
  /// A stored matrix with `gap` values between rows, which no product may touch.
  struct Stored {
    let buffer: Buffer
    let stride: Int

    init(rows: Int, columns: Int, seed: Int, gap: Int = 3) throws {
      stride = columns + gap
      buffer = try Buffer(randomValues(rows * stride, seed: seed))
    }

    subscript(row: Int, column: Int) -> Double { Double(buffer.pointer[row * stride + column]) }
  }

  /// All four transpositions of a product, into a matrix with rows further apart than its width.
  func check(_ m: Int, _ n: Int, _ k: Int, scale: Float = 1, keep: Float = 0) throws {
    for (turnA, turnB) in [(false, false), (false, true), (true, false), (true, true)] {
      let a = try Stored(rows: turnA ? k : m, columns: turnA ? m : k, seed: 1)
      let b = try Stored(rows: turnB ? n : k, columns: turnB ? k : n, seed: 2)
      let before = try Stored(rows: m, columns: n, seed: 3)
      var expected = before.buffer.values.map(Double.init)
      for i in 0..<m {
        for j in 0..<n {
          var sum = 0.0
          for l in 0..<k { sum += (turnA ? a[l, i] : a[i, l]) * (turnB ? b[j, l] : b[l, j]) }
          expected[i * before.stride + j] = Double(scale) * sum + Double(keep) * before[i, j]
        }
      }
      var first: [Float]?
      try Machine.onEachThreadCount { threads in
        let c = try Buffer(before.buffer.values)
        try parallelProduct(
          m, n, k, MatrixView(a.buffer.pointer, stride: a.stride, transposed: turnA),
          MatrixView(b.buffer.pointer, stride: b.stride, transposed: turnB), into: c.pointer, stride: before.stride,
          scale: scale, keep: keep)
        guard let first else { return first = Array(c.values) }
        expectSameBits(Array(c.values), first, "\(threads) threads")
      }
      // Σ|a·b| of k numbers below 1 is below k; k/4 on average, and no partial sum is larger.
      let tolerance = roundingError(terms: k, magnitude: Double(abs(scale)) * Double(k) / 4 + Double(abs(keep)))
      expectClose(try #require(first), expected, absolute: tolerance, "\(m)×\(n)×\(k), \(turnA), \(turnB)")
    }
  }

  @Test func oddSizes() throws {
    for m in [1, 3, 17, 177] {
      for n in [1, 3, 17, 177] {
        for k in [1, 3, 17, 177] { try check(m, n, k) }
      }
    }
  }

  /// One product per cut; with sizes that leave a smaller last piece.
  @Test(arguments: [(700, 17, 3), (1300, 3, 17), (17, 700, 3), (3, 1300, 17), (17, 3, 1100), (3, 17, 5000)])
  func everyCut(m: Int, n: Int, k: Int) throws {
    try check(m, n, k)
    try check(m, n, k, scale: 0.5, keep: 1)
    try check(m, n, k, scale: -2, keep: 0.25)
  }

  @Test func cutsDependOnTheSizes() {
    #expect(ProductCut(700, 17, 3) == .rows(352))
    #expect(ProductCut(17, 700, 5000) == .columns(352))
    #expect(ProductCut(17, 511, 1024) == .depth(512))
    #expect(ProductCut(17, 511, 1023) == .rows(9))
    #expect(ProductCut(1, 1, 1) == .rows(1))
    #expect(ProductCut(100_000, 100_000, 100_000) == .rows(1568))
  }

  /// keep = 0 means written: what was there, nan included, does not count.
  @Test(arguments: [(700, 3, 3), (3, 700, 3), (3, 3, 1100), (3, 3, 3)])
  func oldValuesDoNotCount(m: Int, n: Int, k: Int) throws {
    let a = try Buffer(count: m * k, repeating: 1)
    let b = try Buffer(count: k * n, repeating: 1)
    let c = try Buffer(count: m * n, repeating: .nan)
    try parallelProduct(
      m, n, k, MatrixView(a.pointer, stride: k), MatrixView(b.pointer, stride: n), into: c.pointer, stride: n)
    #expect(c.values.allSatisfy { $0 == Float(k) })
  }

  @Test func emptySums() throws {
    let nothing = try Buffer(count: 0)
    let c = try Buffer(count: 6, repeating: 2)
    let view = MatrixView(nothing.pointer, stride: 0)
    try parallelProduct(2, 3, 0, view, MatrixView(nothing.pointer, stride: 3), into: c.pointer, stride: 3, keep: 1)
    #expect(Array(c.values) == [2, 2, 2, 2, 2, 2])
    try parallelProduct(2, 3, 0, view, MatrixView(nothing.pointer, stride: 3), into: c.pointer, stride: 3)
    #expect(Array(c.values) == [0, 0, 0, 0, 0, 0])
    try parallelProduct(0, 3, 0, view, MatrixView(nothing.pointer, stride: 3), into: c.pointer, stride: 3)
    try parallelProduct(2, 0, 0, view, view, into: c.pointer, stride: 0)
  }
}
