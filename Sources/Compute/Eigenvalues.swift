import COpenBLAS

/// The eigenvalues of a symmetric matrix, ascending (LAPACK's dsyev).
///
/// - Parameters:
///   - matrix: `order` × `order` values; the upper triangle counts.
///   - order: at least 1.
/// - Returns: nil where the iteration does not converge (values that are not finite).
public func symmetricEigenvalues(_ matrix: [Double], order: Int) -> [Double]? {
  _ = configuredBLAS
  var copy = matrix
  var values = [Double](repeating: 0, count: order)
  var length: Int32 = Int32(max(1, 34 * order))
  var workspace = [Double](repeating: 0, count: Int(length))
  var size = Int32(order)
  var status: Int32 = 0
  guard matrix.count == order * order, matrix.allSatisfy(\.isFinite) else { return nil }
  dsyev_("N", "L", &size, &copy, &size, &values, &workspace, &length, &status)
  return status == 0 ? values : nil
}
