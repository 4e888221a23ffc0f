import Compute
import TestSupport
import Testing

@Suite struct SingularValuesTests {
  @Test func knownMatrices() throws {
    expectClose(try #require(singularValues([3, 0, 0, -4], rows: 2, columns: 2)), [4, 3], absolute: 1e-14)
    // A tall and a wide matrix: AᵀA is [[2, 1], [1, 2]], whose eigenvalues are 3 and 1.
    let tall = [1.0, 0, 1, 1, 0, 1]
    let wanted = [Double(3).squareRoot(), 1.0]
    expectClose(try #require(singularValues(tall, rows: 3, columns: 2)), wanted, absolute: 1e-14)
    expectClose(try #require(singularValues([1, 1, 0, 0, 1, 1], rows: 2, columns: 3)), wanted, absolute: 1e-14)
    expectClose(try #require(singularValues([-7], rows: 1, columns: 1)), [7], absolute: 1e-14)
  }

  @Test func squaresSumToTheMatrixs() throws {
    let (rows, columns) = (37, 90)
    let matrix = randomValues(rows * columns, seed: 4).map { Double($0) }
    let values = try #require(singularValues(matrix, rows: rows, columns: columns))
    #expect(values.count == 37 && values == values.sorted(by: >))
    let (found, wanted) = (values.reduce(0) { $0 + $1 * $1 }, matrix.reduce(0) { $0 + $1 * $1 })
    #expect(abs(found / wanted - 1) < 1e-12)
  }

  @Test func whatHasNoneIsNil() {
    #expect(singularValues([1, .nan], rows: 1, columns: 2) == nil)
    #expect(singularValues([1, 2, 3], rows: 2, columns: 2) == nil)
    #expect(singularValues([], rows: 0, columns: 0) == nil)
    #expect(singularValues([1], rows: .max, columns: 2) == nil)
  }
}
