/// Which pixels of an image a resampling reads, and with what weights.
struct SourceView {
  /// The image's sides are divided by it first.
  let reduction: Int
  /// Inputs counted from the part's first row and column.
  private(set) var down: AxisWeights
  private(set) var across: AxisWeights
  /// Whether weights are fixed-point numbers and results rounded to 8 bits, as Pillow's are.
  let isRounded: Bool
  /// Whether Pillow sums along columns before it sums along rows.
  let isVerticalFirst: Bool
  /// The rows and columns that are read, in the (reduced) image.
  private let rows: Range<Int>
  private let columns: Range<Int>

  /// For arguments that `Resampling` has checked.
  init(_ resampling: Resampling, _ source: ImageSource) {
    let all = PixelRectangle(top: 0, left: 0, height: source.height, width: source.width)
    var crop = resampling.crop ?? all
    var box =
      resampling.box ?? SourceBox(top: 0, left: 0, bottom: Double(crop.height), right: Double(crop.width))
    reduction = resampling.fastDecode ? Self.reduction(source, box, resampling) : 1
    if reduction > 1, case .encoded(let image) = source {
      let size = image.size(reduction: reduction)
      box = box.moved(down: Double(crop.top), right: Double(crop.left))
        .scaled(down: Double(size.height) / Double(source.height), across: Double(size.width) / Double(source.width))
      crop = PixelRectangle(top: 0, left: 0, height: size.height, width: size.width)
    }
    isRounded = source.element == .uint8 && resampling.interpolation.isWidened
    down = AxisWeights(
      inputs: crop.height, from: box.top, to: box.bottom, outputs: resampling.height, resampling.interpolation,
      isFixed: isRounded)
    across = AxisWeights(
      inputs: crop.width, from: box.left, to: box.right, outputs: resampling.width, resampling.interpolation,
      isReversed: resampling.isFlipped, isFixed: isRounded)
    // Pillow 13: where all of the image shrinks by more than twice as many rows as columns.
    func shrinkage(_ inputs: Int, _ part: Double, _ outputs: Int) -> Double {
      Double(inputs) - (Double(inputs) * Double(outputs) / part).rounded()
    }
    let lost = (
      rows: shrinkage(crop.height, box.bottom - box.top, resampling.height),
      columns: shrinkage(crop.width, box.right - box.left, resampling.width)
    )
    isVerticalFirst = lost.rows > 0 && lost.rows > 2 * lost.columns
    let (rows, columns) = (down.inputsRead, across.inputsRead)
    down.shift(by: rows.lowerBound)
    across.shift(by: columns.lowerBound)
    self.rows = (rows.lowerBound + crop.top)..<(rows.upperBound + crop.top)
    self.columns = (columns.lowerBound + crop.left)..<(columns.upperBound + crop.left)
  }

  /// The part that is read.
  var part: PixelRectangle {
    PixelRectangle(top: rows.lowerBound, left: columns.lowerBound, height: rows.count, width: columns.count)
  }

  /// The largest reduction that leaves as many pixels as the output has.
  private static func reduction(_ source: ImageSource, _ box: SourceBox, _ resampling: Resampling) -> Int {
    guard case .encoded(let image) = source else { return 1 }
    return image.reductions.last {
      box.bottom - box.top >= Double($0 * resampling.height) && box.right - box.left >= Double($0 * resampling.width)
    } ?? 1
  }
}

extension SourceBox {
  fileprivate func moved(down: Double, right: Double) -> SourceBox {
    SourceBox(top: top + down, left: left + right, bottom: bottom + down, right: self.right + right)
  }

  fileprivate func scaled(down: Double, across: Double) -> SourceBox {
    SourceBox(top: top * down, left: left * across, bottom: bottom * down, right: right * across)
  }
}
