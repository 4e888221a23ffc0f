import Foundation
import Networks
import Tensors
import TestSupport
import Testing

@Suite struct PositionTests {
  /// The definition, cell by cell: [sin x, cos x, sin y, cos y], ω_k = 10000^(−4k/C).
  private func reference(_ xs: [Double], _ ys: [Double], width: Int) -> [Double] {
    ys.flatMap { y in
      xs.flatMap { x in
        [x, y].flatMap { p in
          let angles = (0..<width / 4).map { p * pow(10000, -4 * Double($0) / Double(width)) }
          return angles.map { sin($0) } + angles.map { cos($0) }
        }
      }
    }
  }

  @Test func linspaceSpansRowsAndColumnsOfANonSquareGrid() throws {
    let table = try SinCosPositions(rows: 3, columns: 5, rule: .linspace).table(width: 12)
    let (xs, ys) = ([0, 1.25, 2.5, 3.75, 5], [0, 1.5, 3.0])
    #expect(table.shape == [15, 12])
    expectClose(table.values, reference(xs, ys, width: 12), absolute: 1e-6)
  }

  @Test func indexCountsCells() throws {
    let table = try SinCosPositions(rows: 2, columns: 3, rule: .index).table(width: 8)
    expectClose(table.values, reference([0, 1, 2], [0, 1], width: 8), absolute: 1e-6)
  }

  @Test func aSingleCellIsAtZero() throws {
    let table = try SinCosPositions(rows: 1, columns: 1, rule: .linspace).table(width: 4)
    #expect(table.values == [0, 1, 0, 1])
  }

  @Test func anotherGridSpansTheTrainedRangeOrKeepsItsSpacing() throws {
    let positions = SinCosPositions(rows: 2, columns: 2, rule: .linspace)
    let spanned = try positions.table(width: 8, rows: 3, columns: 5, scaling: .span)
    expectClose(spanned.values, reference([0, 0.5, 1, 1.5, 2], [0, 1, 2], width: 8), absolute: 1e-6)
    let extended = try positions.table(width: 8, rows: 1, columns: 3, scaling: .extend)
    expectClose(extended.values, reference([0, 2, 4], [0], width: 8), absolute: 1e-6)
  }

  @Test func widthMustDivideByFour() {
    #expect(throws: ShapeError.self) { try SinCosPositions(rows: 2, columns: 2, rule: .index).table(width: 6) }
  }
}
