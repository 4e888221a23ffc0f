import CKernels

/// One of two products that are computed one after the other: its packed right operand and its epilogue.
public struct ChainedProduct {
  let right: PackedMatrix
  let epilogue: Epilogue

  public init(_ right: PackedMatrix, _ epilogue: Epilogue) {
    self.right = right
    self.epilogue = epilogue
  }

  func blocked(rows: Int) -> BlockedProduct {
    BlockedProduct(m: rows, n: right.n, k: right.k, arithmetic: right.arithmetic)
  }
}

/// y = second(first(x)), for some rows at a time on each thread: the hidden values between the products of these rows
/// stay in the core's L2, and no thread waits for another between them. The bits are those of two `parallelProduct`.
public struct ChainedProducts {
  private let (first, second): (ChainedProduct, ChainedProduct)
  /// Element type of the hidden values.
  private let element: Element

  public init(_ first: ChainedProduct, _ second: ChainedProduct, hidden element: Element) {
    (self.first, self.second, self.element) = (first, second, element)
  }

  /// Whether so many rows are worth it: every thread reads all of both right operands.
  public static func areWorthwhile(rows: Int) -> Bool {
    InstructionSet.hasOwnProducts && rows >= leastRows * threadCount
  }
  private static let leastRows = 168

  /// Rows of one task: even parts, as many as the threads share evenly.
  private func rowsTogether(_ rows: Int) -> Int {
    let blocking = ProductBlocking(second.right.arithmetic)
    let unit = max(first.right.arithmetic.tileRows, second.right.arithmetic.tileRows)
    let most = max(blocking.nearBytes / max(first.right.n * element.size, 1) / unit, 1)
    let (units, threads) = ((rows + unit - 1) / unit, threadCount)
    let tasks = ((units + most - 1) / most + threads - 1) / threads * threads
    return (units + tasks - 1) / tasks * unit
  }

  /// Computes y from x [rows, k].
  ///
  /// - Throws: `OutOfMemory`; `ArgumentError` where int8 cannot take these operands.
  public func run(_ rows: Int, _ x: MatrixView, into y: MatrixOutput) throws {
    guard rows > 0 else { return }
    for right in [first.right, second.right] where right.arithmetic == .int8 {
      try requireQuantizable(x, .packed(right), depth: right.k)
    }
    let (together, width) = (rowsTogether(rows), first.right.n)
    let hiddenCount = wholeVectors((together * width * element.size + 3) / 4)
    try InstructionSet.held {
      let scratchCount = max(
        first.blocked(rows: together).scratchCountAlone, second.blocked(rows: together).scratchCountAlone)
      try parallelWithScratch((rows + together - 1) / together, scratchCount: hiddenCount + scratchCount) {
        index, scratch in
        let start = index * together
        let count = min(together, rows - start)
        let rest = scratch + hiddenCount
        first.blocked(rows: count).runAlone(
          x.from(row: start, column: 0), first.right.panels,
          into: MatrixOutput(scratch, stride: width, element: element),
          first.epilogue, scratch: rest)
        second.blocked(rows: count).runAlone(
          MatrixView(scratch, stride: width, element: element), second.right.panels, into: y.from(row: start),
          second.epilogue.from(row: start, of: y), scratch: rest)
      }
    }
  }
}
