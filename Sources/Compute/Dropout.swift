import CKernels

extension RandomStream {
  /// y = x/(1 − rate) for elements that are kept, 0 for the others. Which are kept depends on the stream and the row's
  /// number alone.
  ///
  /// - Parameters:
  ///   - x, y: [rows, width], stored as `element`.
  ///   - firstRow: the number of the first row.
  ///   - rate: the probability of dropping an element, in 0 ..< 1.
  public func drop(
    _ x: UnsafeRawPointer, into y: UnsafeMutableRawPointer, _ element: Element, rows: Int, width: Int, firstRow: Int,
    rate: Float
  ) {
    let drawsPerRow = (width + 4 * dropoutDraws - 1) / (4 * dropoutDraws) * dropoutDraws
    let (threshold, scale) = (UInt32(Double(rate) * 0x1p32), 1 / (1 - rate))
    parallelRows(rows, cost: 4 * width) { range in
      var stream = lmk_stream(key: (key.0, key.1), item: item, epoch: epoch, purpose: purpose)
      let (offset, draw) = (range.lowerBound * width * element.size, (firstRow + range.lowerBound) * drawsPerRow)
      lmk_dropout(
        range.count, width, x + offset, y + offset, element.code, &stream, UInt32(truncatingIfNeeded: draw), threshold,
        scale)
    }
  }
}

private let dropoutDraws = Int(LMK_DROPOUT_DRAWS)
