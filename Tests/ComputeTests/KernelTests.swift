import CKernels
import Compute
import Glibc
import TestSupport
import Testing

@Suite struct VectorMathTests {
  /// `count` numbers from `first` to `last`, evenly.
  func sweep(_ first: Float, _ last: Float, count: Int = 200_001) -> [Float] {
    (0..<count).map { first + (last - first) * Float($0) / Float(count - 1) }
  }

  /// exp(scale·x − 0) by the kernel that computes a softmax again.
  func exponential(_ x: [Float]) -> [Float] {
    let length = wholeVectors(x.count)
    var y = x + [Float](repeating: 0, count: length - x.count)
    lmk_softmax_from_log_sum_exp(1, x.count, length, 1, &y, [0])
    return Array(y.prefix(x.count))
  }

  func geluOf(_ x: [Float]) -> [Float] {
    var y = x
    lmk_gelu(x.count, x, &y, Element.float32.code)
    return y
  }

  /// The bound of vector_math.h: relative error below 2e-7.
  @Test func exponentialIsAccurate() {
    let x = sweep(-87.29, 88.29) + sweep(-1, 1) + [0, -0.0, 1e-30, -1e-30]
    let expected = x.map { exp(Double($0)) }
    Machine.onEachInstructionSet { expectClose(exponential(x), expected, relative: 2e-7, "exp, \($0)") }
  }

  @Test func exponentialOfExtremes() {
    Machine.onEachInstructionSet { set in
      let y = exponential([-.infinity, -1000, -87.4, 0, 1000, .infinity, .nan])
      #expect(y[0...3] == [0, 0, 0, 1], "\(set)")
      #expect(y[4] > 2e38 && y[4].isFinite && y[5] == y[4] && y[6].isNaN, "\(set)")
    }
  }

  /// x·(½ + ½·erf(x/√2)) with the bound of vector_math.h, |error of erf| < 3.7e-7, and the roundings of sum and
  /// product.
  @Test func errorFunctionIsAccurate() {
    let x = sweep(-6, 6) + sweep(-1.5, 1.5)
    let expected = x.map { Double($0) * 0.5 * erfc(-Double($0) / 2.0.squareRoot()) }
    Machine.onEachInstructionSet { set in
      let relative = zip(geluOf(x), zip(x, expected)).map { ($0 - Float($1.1)) / max(abs($1.0), 1e-3) }
      let bound = 0.5 * 3.7e-7 + 1.5 * roundoff
      expectClose(relative, [Double](repeating: 0, count: x.count), absolute: bound, "gelu / x, \(set)")
    }
  }

  @Test func geluOfBFloat16() {
    let x = sweep(-9, 9, count: 20_001).map(rounded)
    Machine.onEachInstructionSet { expectGELU(geluOf(bfloat16: x), of: x, "\($0)") }
  }

  private func geluOf(bfloat16 x: [Float]) -> [Float] {
    var stored = x.map { UInt16($0.bitPattern >> 16) }
    stored.withUnsafeMutableBytes { lmk_gelu(x.count, $0.baseAddress, $0.baseAddress, Element.bfloat16.code) }
    return stored.map { Float(bitPattern: UInt32($0) << 16) }
  }

  @Test func geluOfExtremes() {
    Machine.onEachInstructionSet { set in
      let y = geluOf([-1e30, -100, -0.0, 0, 100, 1e30, .nan])
      #expect(y[0...5] == [0, 0, 0, 0, 100, 1e30] && y[6].isNaN, "\(set): \(y)")
      let z = geluOf(bfloat16: [-.infinity, -1e30, -100, 0, 100, 1e30, .nan].map(rounded))
      #expect(z[0...2].allSatisfy { abs($0) < 1e-30 }, "\(set): \(z)")
      #expect(z[3...5] == [0, 100, rounded(1e30)] && z[6].isNaN, "\(set): \(z)")
    }
  }
}

@Suite struct SoftmaxKernelTests {
  /// Rows further apart than they are long, as the kernel wants them; what lies between counts for nothing.
  private func spread(_ x: [Float], columns: Int) -> [Float] {
    let gap = [Float](repeating: .nan, count: wholeVectors(columns) - columns)
    return stride(from: 0, to: x.count, by: columns).flatMap { x[$0..<$0 + columns] + gap }
  }

  private func joined(_ x: [Float], columns: Int) -> [Float] {
    stride(from: 0, to: x.count, by: wholeVectors(columns)).flatMap { x[$0..<$0 + columns] }
  }

  @Test(arguments: [1, 3, 17, 177], [Float(1), 0.125, 10, 1000])
  func weightsAndLogSums(columns: Int, scale: Float) {
    let x = randomValues(3 * columns, seed: columns)
    let rows = stride(from: 0, to: x.count, by: columns).map { x.doubled[$0..<$0 + columns].map { Double(scale) * $0 } }
    let logSumExp = rows.map { row in row.max()! + log(row.reduce(0) { $0 + exp($1 - row.max()!) }) }
    let weights = zip(rows, logSumExp).flatMap { row, sum in row.map { exp($0 - sum) } }
    // The exponent, up to 2·scale large, is rounded; its error is relative in the weights.
    let tolerance = roundingError(terms: columns, magnitude: 1) + 4 * roundoff * Double(scale)
    Machine.onEachInstructionSet { set in
      let stride = wholeVectors(columns)
      var (y, sums) = (spread(x, columns: columns), [Float](repeating: 0, count: 3))
      lmk_softmax(3, columns, stride, scale, &y, &sums)
      expectClose(
        joined(y, columns: columns), weights, absolute: roundoff * 1e-3, relative: tolerance, "softmax, \(set)")
      expectClose(sums, logSumExp, absolute: tolerance, "log sums, \(set)")
      var again = spread(x, columns: columns)
      lmk_softmax_from_log_sum_exp(3, columns, stride, scale, &again, sums)
      expectClose(
        joined(again, columns: columns), weights, absolute: roundoff * 1e-3, relative: 2 * tolerance,
        "softmax again, \(set)")
    }
  }

  @Test func extremeScores() {
    let cases: [(scores: [Float], weights: [Double])] = [
      ([1e4, -1e4, 0], [1, 0, 0]), ([3e38, -3e38, 3e38], [0.5, 0, 0.5]),
      ([-3e38, -3e38, -3e38], [1, 1, 1].map { $0 / 3 }),
      ([-.infinity, 0, 0], [0, 0.5, 0.5]), ([-1e4, -1e4 - 200, -1e4], [0.5, 0, 0.5]),
    ]
    Machine.onEachInstructionSet { set in
      for (scores, weights) in cases {
        var (y, sum) = (spread(scores, columns: 3), [Float(0)])
        lmk_softmax(1, 3, 16, 1, &y, &sum)
        expectClose(joined(y, columns: 3), weights, absolute: 2 * roundoff, "\(scores), \(set)")
      }
    }
  }
}

@Suite struct OptimizerKernelTests {
  @Test(arguments: [1, 3, 17, 177])
  func adamW(count: Int) {
    let gradients = (0..<3).map { randomValues(count, seed: 10 + $0) }
    let (beta1, beta2, epsilon, rate, decay) = (Float(0.9), Float(0.95), Float(1e-8), Float(0.01), Float(0.05))
    let start = randomValues(count, seed: 1)
    var (expected, m, v) = (start.doubled, [Double](repeating: 0, count: count), [Double](repeating: 0, count: count))
    for (step, gradient) in gradients.enumerated() {
      let (b1, b2, t) = (Double(beta1), Double(beta2), Double(step + 1))
      for i in 0..<count {
        let g = Double(gradient[i])
        m[i] = b1 * m[i] + (1 - b1) * g
        v[i] = b2 * v[i] + (1 - b2) * g * g
        expected[i] *= 1 - Double(rate) * Double(decay)
        expected[i] -=
          Double(rate) * (m[i] / (1 - pow(b1, t))) / ((v[i] / (1 - pow(b2, t))).squareRoot() + Double(epsilon))
      }
    }
    Machine.onEachInstructionSet { set in
      var (parameter, mean, square) = (start, [Float](repeating: 0, count: count), [Float](repeating: 0, count: count))
      for (step, gradient) in gradients.enumerated() {
        let t = Float(step + 1)
        var factors = lmk_adamw_factors(
          beta1: beta1, beta2: beta2, epsilon: epsilon, decay: 1 - rate * decay, rate: rate / (1 - pow(beta1, t)),
          square_correction: 1 / (1 - pow(beta2, t)))
        lmk_adamw(count, &parameter, gradient, &mean, &square, &factors, nil, 1)
      }
      // 1 − β₂ has the rounding error of β₂, twenty times as large in proportion.
      expectClose(mean, m, absolute: roundingError(terms: 3, magnitude: 1), "mean, \(set)")
      expectClose(square, v, relative: 20 * roundingError(terms: 3, magnitude: 1), "square, \(set)")
      expectClose(parameter, expected, absolute: roundingError(terms: 3, magnitude: 1), "parameter, \(set)")
    }
  }

  @Test(arguments: [Float(0), 0.5, 0.996, 1])
  func movingAverage(momentum: Float) {
    let (online, start) = (randomValues(177, seed: 1), randomValues(177, seed: 2))
    let expected = zip(online.doubled, start.doubled).map { Double(momentum) * $1 + (1 - Double(momentum)) * $0 }
    Machine.onEachInstructionSet { set in
      var target = start
      lmk_average(177, momentum, online, &target)
      expectClose(target, expected, absolute: roundingError(terms: 2, magnitude: 1), "\(set)")
      // In the optimiser's pass: a step of length 0 leaves the parameter, and the target follows it.
      var (parameter, mean, square) = (online, [Float](repeating: 0, count: 177), [Float](repeating: 0, count: 177))
      var factors = lmk_adamw_factors(beta1: 0, beta2: 0, epsilon: 1, decay: 1, rate: 0, square_correction: 1)
      var together = start
      lmk_adamw(177, &parameter, online, &mean, &square, &factors, &together, momentum)
      expectClose(together, expected, absolute: roundingError(terms: 2, magnitude: 1), "in one pass, \(set)")
    }
  }
}
