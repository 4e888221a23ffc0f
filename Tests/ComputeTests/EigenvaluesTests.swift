import Compute
import Glibc
import TestSupport
import Testing

@Suite struct EigenvaluesTests {
  @Test func knownMatrices() throws {
    #expect(symmetricEigenvalues([4], order: 1) == [4])
    let two = try #require(symmetricEigenvalues([2, 1, 1, 2], order: 2))
    expectClose(two, [1, 3], absolute: 1e-14)
    // Only the upper triangle counts.
    let upper = try #require(symmetricEigenvalues([2, 1, 77, 2], order: 2))
    expectClose(upper, [1, 3], absolute: 1e-14)
    let diagonal = try #require(symmetricEigenvalues([3, 0, 0, 0, -1, 0, 0, 0, 2], order: 3))
    expectClose(diagonal, [-1, 2, 3], absolute: 1e-14)
  }

  /// The Laplacian of a path of n nodes: 2 − 2·cos(πj/n). Rounding: n·ε·‖A‖.
  @Test(arguments: [3, 17, 177])
  func laplacianOfAPath(order: Int) throws {
    var matrix = [Double](repeating: 0, count: order * order)
    for i in 0..<order {
      matrix[i * order + i] = i == 0 || i == order - 1 ? 1 : 2
      if i > 0 { matrix[i * order + i - 1] = -1 }
      if i < order - 1 { matrix[i * order + i + 1] = -1 }
    }
    let values = try #require(symmetricEigenvalues(matrix, order: order))
    let expected = (0..<order).map { 2 - 2 * cos(.pi * Double($0) / Double(order)) }
    expectClose(values, expected, absolute: Double(order) * 0x1p-52 * 4)
  }

  @Test func unusableMatrices() {
    #expect(symmetricEigenvalues([.nan], order: 1) == nil)
    #expect(symmetricEigenvalues([1, .infinity, 0, 1], order: 2) == nil)
    #expect(symmetricEigenvalues([1, 2, 3], order: 2) == nil)
  }
}
