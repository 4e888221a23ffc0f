import CKernels

/// A product of eight-bit operands as its definition says for the way in use, in whole numbers.
public struct QuantizedReference {
  private let m: Int
  private let n: Int
  private let k: Int

  public init(m: Int, n: Int, k: Int) { (self.m, self.n, self.k) = (m, n, k) }

  /// Scale, zero and bytes of a row: its range, 0 included, in 255 steps.
  private func row(_ x: ArraySlice<Float>) -> (scale: Float, zero: Int, bytes: [Int]) {
    guard x.allSatisfy(\.isFinite) else { return (.nan, 0, x.map { _ in 0 }) }
    let (low, high) = (min(x.min() ?? 0, 0), max(x.max() ?? 0, 0))
    let half = 0.5 * high - 0.5 * low
    guard half >= 0x1p-101 else { return (0, 0, x.map { _ in 0 }) }
    let scale = half / 127.5
    let zero = Int((-low / scale).rounded(.toNearestOrEven))
    let inverse = 1 / scale
    return (scale, zero, x.map { min(max(Int(($0 * inverse).rounded(.toNearestOrEven)) + zero, 0), 255) })
  }

  /// The scale of a column: its largest magnitude becomes 127, or, where four products are added in 16 bits, the
  /// largest sum of those of one sign becomes 126, which rounding makes 128 at most.
  public static func columnScale(_ x: ArraySlice<Float>) -> Float {
    guard lmk_int8_product() == LMK_PRODUCT_INT8_AVX2 else {
      let most = x.reduce(0) { max($0, 0.5 * abs($1)) }
      return most >= 0x1p-101 ? most / 63.5 : 0
    }
    var most = Float(0)
    for start in stride(from: x.startIndex, to: x.endIndex, by: 8) {
      for group in [[0, 1, 4, 5], [2, 3, 6, 7]] {
        let halves = group.map { start + $0 < x.endIndex ? 0.5 * x[start + $0] : 0 }
        let (up, down) = (halves.map { max($0, 0) }, halves.map { max(-$0, 0) })
        most = max(most, (up[0] + up[1]) + (up[2] + up[3]), (down[0] + down[1]) + (down[2] + down[3]))
      }
    }
    return most >= 0x1p-101 ? most / 63 : 0
  }

  /// Scale and bytes of a column.
  private func column(_ x: ArraySlice<Float>) -> (scale: Float, bytes: [Int]) {
    guard x.allSatisfy(\.isFinite) else { return (.nan, x.map { _ in 0 }) }
    let scale = Self.columnScale(x)
    guard scale > 0 else { return (0, x.map { _ in 0 }) }
    let inverse = 1 / scale
    return (scale, x.map { Int(($0 * inverse).rounded(.toNearestOrEven)) })
  }

  /// a [m, k] times b [n, k] transposed: [m, n].
  public func product(_ a: [Float], _ b: [Float]) -> [Float] {
    let rows = (0..<m).map { row(a[$0 * k..<($0 + 1) * k]) }
    let columns = (0..<n).map { column(b[$0 * k..<($0 + 1) * k]) }
    return rows.flatMap { row in
      columns.map { column in
        let sum = zip(row.bytes, column.bytes).reduce(0) { $0 + ($1.0 - row.zero) * $1.1 }
        return Float(sum) * (row.scale * column.scale)
      }
    }
  }
}
