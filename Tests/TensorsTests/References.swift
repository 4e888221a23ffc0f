import Glibc

/// Operations as their definitions say, in double precision: slow and plain. Arrays are flat, rows one after another.
enum Reference {
  /// a·bᵀ for a [m, k], b [n, k].
  static func productWithTransposed(_ a: [Double], _ b: [Double], depth k: Int) -> [Double] {
    let (m, n) = (a.count / k, b.count / k)
    var c = [Double](repeating: 0, count: m * n)
    for i in 0..<m {
      for j in 0..<n {
        var sum = 0.0
        for l in 0..<k { sum += a[i * k + l] * b[j * k + l] }
        c[i * n + j] = sum
      }
    }
    return c
  }

  static func softmax(_ row: [Double]) -> [Double] {
    let largest = row.max() ?? 0
    let powers = row.map { exp($0 - largest) }
    let sum = powers.reduce(0, +)
    return powers.map { $0 / sum }
  }

  /// softmax over rows of `width`.
  static func softmaxRows(_ x: [Double], width: Int) -> [Double] { rows(x, width).flatMap(softmax) }

  static func rows(_ x: [Double], _ width: Int) -> [[Double]] {
    stride(from: 0, to: x.count, by: width).map { Array(x[$0..<$0 + width]) }
  }

  static func mean(_ x: [Double]) -> Double { x.reduce(0, +) / Double(x.count) }

  /// Multi-head attention; q [B, Nq, C] and k, v [B, Nk, C]; `bias` of a head, query and key is added to the scores.
  static func attention(
    q: [Double], k: [Double], v: [Double], images: Int, queries: Int, keys: Int, width: Int, heads: Int,
    bias: (Int, Int, Int) -> Double = { _, _, _ in 0 }
  ) -> [Double] {
    let headWidth = width / heads
    var y = [Double](repeating: 0, count: q.count)
    for image in 0..<images {
      for head in 0..<heads {
        for query in 0..<queries {
          let place = (image * queries + query) * width + head * headWidth
          let sources = (0..<keys).map { (image * keys + $0) * width + head * headWidth }
          let scores = sources.enumerated().map { key, source in
            var dot = 0.0
            for i in 0..<headWidth { dot += q[place + i] * k[source + i] }
            return dot / Double(headWidth).squareRoot() + bias(head, query, key)
          }
          for (weight, source) in zip(softmax(scores), sources) {
            for i in 0..<headWidth { y[place + i] += weight * v[source + i] }
          }
        }
      }
    }
    return y
  }

  /// Part `index` of `count` of the last dimension, which is `count`·`width` long.
  static func part(_ x: [Double], _ index: Int, of count: Int, width: Int) -> [Double] {
    rows(x, count * width).flatMap { $0[index * width..<(index + 1) * width] }
  }
}
