import Compute

/// How labels of patches become labels of pixels.
public enum LabelUpsampling: String, Sendable, CaseIterable {
  /// The label of the patch that the pixel's centre lies in.
  case nearest
  /// One-hot labels are interpolated bilinearly (pixel centres at ½, edges repeated); the largest wins, the lower label
  /// on ties.
  case bilinear
}

/// The largest label map that is made: 2³¹ pixels.
let mostPixels = 1 << 31

/// Brings a label map to another size.
///
/// - Parameters:
///   - labels: [rows, columns], any integers.
///   - rows: and `columns`: size of the map.
///   - height: and `width`: size wanted, 2³¹ pixels at most.
///   - mode: what a pixel between patches gets.
/// - Returns: [height, width].
/// - Throws: `SegmentationError.labelMap` when sizes are not positive, too large or do not go with the labels;
///   `OutOfMemory`.
public func upsample(
  labels: [Int], rows: Int, columns: Int, toHeight height: Int, width: Int, mode: LabelUpsampling = .nearest
) throws -> [Int] {
  let (size, overflows) = rows.multipliedReportingOverflow(by: columns)
  let (pixels, pixelsOverflow) = height.multipliedReportingOverflow(by: width)
  guard rows >= 1, columns >= 1, !overflows, size == labels.count, height >= 1, width >= 1, !pixelsOverflow,
    pixels <= mostPixels, rows <= mostPixels, columns <= mostPixels
  else {
    throw SegmentationError.labelMap(found: labels.count, rows: rows, columns: columns, height: height, width: width)
  }
  // Labels, and where each row and column of pixels falls.
  try OutOfMemory.check(bytes: pixels * MemoryLayout<Int>.stride + (height + width) * MemoryLayout<AxisSample>.stride)
  let vertical = (0..<height).map { AxisSample($0, of: height, in: rows) }
  let horizontal = (0..<width).map { AxisSample($0, of: width, in: columns) }
  var result: [Int] = []
  result.reserveCapacity(pixels)
  for y in vertical {
    for x in horizontal {
      switch mode {
      case .nearest: result.append(labels[y.nearest * columns + x.nearest])
      case .bilinear: result.append(heaviestLabel(labels, columns, y, x))
      }
    }
  }
  return result
}

/// Where a pixel's centre falls on a coarser (or finer) axis. Weights are whole numbers, so that ties are exact.
struct AxisSample {
  let nearest: Int
  let low: Int
  let high: Int
  let lowWeight: Int
  let highWeight: Int

  init(_ position: Int, of fineCount: Int, in coarseCount: Int) {
    // The centre is (2p+1)/(2·fine) of the axis: in units of 1/(2·fine) of a coarse cell.
    let center = (2 * position + 1) * coarseCount
    nearest = center / (2 * fineCount)
    let fromFirstCenter = max(0, center - fineCount)
    low = fromFirstCenter / (2 * fineCount)
    high = min(low + 1, coarseCount - 1)
    highWeight = fromFirstCenter % (2 * fineCount)
    lowWeight = 2 * fineCount - highWeight
  }
}

/// The label with the most weight among the four patches around a pixel.
private func heaviestLabel(_ labels: [Int], _ columns: Int, _ y: AxisSample, _ x: AxisSample) -> Int {
  let corners = (
    (labels[y.low * columns + x.low], y.lowWeight * x.lowWeight),
    (labels[y.low * columns + x.high], y.lowWeight * x.highWeight),
    (labels[y.high * columns + x.low], y.highWeight * x.lowWeight),
    (labels[y.high * columns + x.high], y.highWeight * x.highWeight)
  )
  func weight(_ label: Int) -> Int {
    (corners.0.0 == label ? corners.0.1 : 0) + (corners.1.0 == label ? corners.1.1 : 0)
      + (corners.2.0 == label ? corners.2.1 : 0) + (corners.3.0 == label ? corners.3.1 : 0)
  }
  var best = (label: corners.0.0, weight: weight(corners.0.0))
  for label in [corners.1.0, corners.2.0, corners.3.0] where label != best.label {
    let candidate = weight(label)
    if candidate > best.weight || candidate == best.weight && label < best.label {
      best = (label, candidate)
    }
  }
  return best.label
}
