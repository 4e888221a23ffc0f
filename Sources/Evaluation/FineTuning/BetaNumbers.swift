import Compute
import Glibc

extension RandomStream {
  /// A number of the distribution Beta(α, α), from draws at `position` and after.
  ///
  /// - Parameter alpha: above 0.
  func beta(_ alpha: Double, from position: Int) -> Double {
    var draw = position
    let (a, b) = (logGamma(alpha, &draw), logGamma(alpha, &draw))
    return 1 / (1 + exp(b - a))
  }

  /// The logarithm of a number of the gamma distribution (Marsaglia and Tsang 2000): small α give numbers no float can
  /// hold.
  private func logGamma(_ alpha: Double, _ draw: inout Int) -> Double {
    guard alpha >= 1 else {
      let uniform = (Double(words(at: draw).0) + 0.5) * 0x1p-32
      draw += 1
      return logGamma(alpha + 1, &draw) + log(uniform) / alpha
    }
    let d = alpha - 1.0 / 3
    let c = 1 / (9 * d).squareRoot()
    while true {
      let x = Double(normal(at: draw))
      let uniform = (Double(words(at: draw + 1).0) + 0.5) * 0x1p-32
      draw += 2
      let root = 1 + c * x
      guard root > 0 else { continue }
      let v = root * root * root
      if log(uniform) < x * x / 2 + d - d * v + d * log(v) { return log(d * v) }
    }
  }
}
