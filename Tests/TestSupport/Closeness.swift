import Testing

/// Half the distance from 1 to the next float32: the largest relative error of one rounding.
public let roundoff = 0x1p-24

/// How far a float32 result may lie from the exact one after a sum of `terms` whose partial sums are at most
/// `magnitude`.
///
/// Roundings are independent and of either sign, so that the error of n of them grows with √n: below
/// λ·√n·roundoff·magnitude but with probability 2·exp(−λ²/2) (Higham and Mary, "A new approach to probabilistic
/// rounding error analysis", 2019); λ = 6 makes that 3e-8. Sixteen stands for the roundings beside the sum: products,
/// divisions, an exponential of relative error 2e-7.
public func roundingError(terms: Int, magnitude: Double) -> Double {
  6 * (Double(terms) + 16).squareRoot() * roundoff * magnitude
}

/// Expects |actual − expected| ≤ absolute + relative·|expected| of every element; the failure names the worst one.
public func expectClose<Value: BinaryFloatingPoint>(
  _ actual: some Collection<Value>, _ expected: some Collection<Double>, absolute: Double = 0, relative: Double = 0,
  _ what: String = "value", sourceLocation: SourceLocation = #_sourceLocation
) {
  guard actual.count == expected.count else {
    Issue.record("\(what): \(actual.count) elements, expected \(expected.count)", sourceLocation: sourceLocation)
    return
  }
  var worst = (index: 0, excess: -Double.infinity, got: 0.0, wanted: 0.0, allowed: 0.0)
  for (index, pair) in zip(actual, expected).enumerated() {
    let (got, wanted) = (Double(pair.0), pair.1)
    let allowed = absolute + relative * abs(wanted)
    let isSame = got == wanted || (got.isNaN && wanted.isNaN)
    let excess = isSame ? -allowed : abs(got - wanted) - allowed
    if !(excess <= worst.excess) { worst = (index, excess.isNaN ? .infinity : excess, got, wanted, allowed) }
  }
  guard worst.excess > 0 else { return }
  Issue.record(
    """
    \(what): element \(worst.index) of \(actual.count) is \(worst.got), expected \(worst.wanted) ± \(worst.allowed) \
    (off by \(abs(worst.got - worst.wanted)))
    """, sourceLocation: sourceLocation)
}

/// Expects the same bits everywhere; the failure names the first difference.
public func expectSameBits(
  _ actual: [Float], _ expected: [Float], _ what: String, sourceLocation: SourceLocation = #_sourceLocation
) {
  let difference = zip(actual, expected).enumerated().first { $0.element.0.bitPattern != $0.element.1.bitPattern }
  guard actual.count != expected.count || difference != nil else { return }
  let place = difference.map { "element \($0.offset) is \($0.element.0), expected \($0.element.1)" }
  Issue.record(
    "\(what): \(place ?? "\(actual.count) elements, expected \(expected.count)")", sourceLocation: sourceLocation)
}
