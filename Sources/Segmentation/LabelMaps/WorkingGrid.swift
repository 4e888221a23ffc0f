import Compute

/// The grid of patches that a picture is segmented on where nobody says otherwise: `shortSide` patches on the short
/// side, as many on the long one as keep the proportions.
///
/// Fewer where a patch would cover less than 4×4 pixels of the picture, down to the picture's own grid, and where all
/// would be more than `most`: agglomeration keeps the distance of each to each.
public struct WorkingGrid: Sendable {
  public static let shortSide = 48
  public static let leastPixels = 4
  /// Their distances take half a gigabyte.
  public static let mostPatches = 8192

  /// - Parameters:
  ///   - height: and `width`: the picture's, in pixels.
  ///   - patchSize: the encoder's, in pixels.
  ///   - most: patches at most.
  /// - Throws: `ArgumentError` for sizes that are not positive.
  public static func grid(height: Int, width: Int, patchSize: Int, most: Int = mostPatches) throws -> FeatureGrid {
    guard height >= 1, width >= 1, patchSize >= 1, most >= 1 else {
      throw ArgumentError(
        "working grid: a picture of \(height) × \(width) in patches of \(patchSize), at most \(most); wanted at least 1"
      )
    }
    let (short, long) = (Double(min(height, width)), Double(max(height, width)))
    let own = (short / Double(patchSize)).rounded()
    let wanted = max(1, min(Double(shortSide), max(own, (short / Double(leastPixels)).rounded(.down))))
    // Both sides shrink alike; a side of one patch leaves the rest to the other.
    let patches = wanted * max(1, (wanted * long / short).rounded())
    let shrink = max(1, (patches / Double(most)).squareRoot())
    let rows = max(1, (wanted / shrink).rounded(shrink > 1 ? .down : .toNearestOrAwayFromZero))
    let columns = max(
      1, min(wanted * long / short / shrink, Double(most) / rows).rounded(shrink > 1 ? .down : .toNearestOrAwayFromZero)
    )
    return height <= width
      ? FeatureGrid(rows: Int(rows), columns: Int(columns)) : FeatureGrid(rows: Int(columns), columns: Int(rows))
  }
}
