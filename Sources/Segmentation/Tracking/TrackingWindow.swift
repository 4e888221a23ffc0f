/// How far along a line the window reaches, by the distance of the lines.
struct TrackingWindow: Sendable {
  /// [lines]: patches to each side; −1: none.
  let reach: [Int]
  /// The most lines apart that it reaches.
  let lines: Int

  /// - Parameter window: 0: everywhere.
  init(_ window: Double, _ shape: WindowShape, grid: LineGrid) {
    let farthest = grid.lines - 1
    reach = (0...farthest).map { distance in
      guard window > 0 else { return farthest }
      func isInside(_ along: Int) -> Bool {
        let squared = Double(distance * distance + along * along)
        switch shape {
        case .square: return Double(max(distance, along)) <= window
        case .circle: return squared <= window * window
        case .openCircle: return squared < window * window
        }
      }
      // By what is inside, not by a root, which would be rounded.
      var along = min(Int(window) + 1, farthest)
      while along >= 0, !isInside(along) { along -= 1 }
      return along
    }
    lines = reach.lastIndex { $0 >= 0 } ?? 0
  }
}
