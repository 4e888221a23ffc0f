import Testing

@testable import Segmentation

@Suite struct TrackingWindowTests {
  @Test(arguments: WindowShape.allCases, [0, 0.5, 1, 2, 2.5, 3, 5, 400])
  func reachesWhatIsInside(_ shape: WindowShape, _ window: Double) {
    let grid = LineGrid(rows: 7, columns: 9)
    let found = TrackingWindow(window, shape, grid: grid)
    for distance in 0..<9 {
      for along in 0..<9 {
        let root = Double(distance * distance + along * along).squareRoot()
        let isInside =
          switch shape {
          case .square: Double(max(distance, along)) <= window
          case .circle: root <= window
          case .openCircle: root < window
          }
        #expect((along <= found.reach[distance]) == (isInside || window == 0))
        if isInside { #expect(distance <= found.lines) }
      }
    }
  }

  @Test func linesLieAlongTheShorterSide() {
    for (rows, columns) in [(3, 5), (5, 3), (4, 4), (1, 6), (6, 1)] {
      let grid = LineGrid(rows: rows, columns: columns)
      for row in 0..<rows {
        for column in 0..<columns {
          #expect(grid.rasterIndex(row * grid.rowStride + column * grid.columnStride) == row * columns + column)
        }
      }
      #expect(grid.length <= grid.lines && grid.length * grid.lines == grid.count)
    }
  }
}
