import COpenBLAS

/// The singular values of a matrix, descending (LAPACK's dgesdd).
///
/// - Parameters:
///   - matrix: rows × columns values, row-major.
/// - Returns: min(rows, columns) values; nil if a value is not finite, the sizes do not fit or the iteration does not
///   converge.
public func singularValues(_ matrix: [Double], rows: Int, columns: Int) -> [Double]? {
  _ = configuredBLAS
  let count = min(rows, columns)
  guard rows > 0, columns > 0, rows.multipliedReportingOverflow(by: columns) == (matrix.count, false),
    var height = Int32(exactly: columns), var width = Int32(exactly: rows), matrix.allSatisfy(\.isFinite)
  else { return nil }
  // LAPACK is column-major: it sees the transpose, which has the same singular values.
  var copy = matrix
  var values = [Double](repeating: 0, count: count)
  var integers = [Int32](repeating: 0, count: 8 * count)
  var status: Int32 = 0
  var one: Int32 = 1
  var unused = 0.0
  func run(_ workspace: inout [Double], length: Int32) {
    var (length, unusedToo) = (length, 0.0)
    dgesdd_(
      "N", &height, &width, &copy, &height, &values, &unused, &one, &unusedToo, &one, &workspace, &length, &integers,
      &status, 1)
  }
  var workspace = [0.0]
  run(&workspace, length: -1)  // queries the size of the workspace
  guard status == 0, let length = Int32(exactly: workspace[0].rounded(.up)) else { return nil }
  workspace = [Double](repeating: 0, count: Int(length))
  run(&workspace, length: length)
  return status == 0 ? values : nil
}
