import Compute
import Tensors

/// The `k` rows of `bank` with the largest cosine to each row of `queries`; the lowest index first where cosines are
/// equal.
///
/// - Throws: `EvaluationError.neighbors` where k is not 1 … bank rows, `EvaluationError.widths`, `OutOfMemory`,
///   `Interrupted`.
public func nearestNeighbors(
  of queries: LabelledFeatures, in bank: LabelledFeatures, k: Int
) throws -> NeighborTable {
  guard 1...bank.count ~= k else { throw EvaluationError.neighbors(k: k, bank: bank.count) }
  guard bank.width == queries.width else { throw EvaluationError.widths(train: bank.width, test: queries.width) }
  return try NeighborSearch(queries, bank, k: k, isWithinOneSet: false).run()
}

/// The same among the rows of one set: each row's neighbours are other rows, told apart by index, not by content.
///
/// - Throws: `EvaluationError.neighbors` where k is not 1 … rows − 1, `OutOfMemory`, `Interrupted`.
public func nearestNeighbors(among features: LabelledFeatures, k: Int) throws -> NeighborTable {
  guard k >= 1, k < features.count else { throw EvaluationError.neighbors(k: k, bank: features.count - 1) }
  return try NeighborSearch(features, features, k: k, isWithinOneSet: true).run()
}

/// Rows that may belong to the nearest are found by float32 matrix products, whose last bits depend on where a row
/// lies; their cosines are then computed again, in double precision and in one order, so that copies of a row tie
/// exactly. Both sets are normalised block by block: a copy of either may be more than the memory there is.
private struct NeighborSearch {
  private static let queriesAtOnce = 1024
  private static let bankRowsAtOnce = 2048

  private let queries: LabelledFeatures
  private let bank: LabelledFeatures
  private let isWithinOneSet: Bool
  private let table: NeighborTable
  /// Blocks of rows of length 1, and their products.
  private let sought: Buffer
  private let held: Buffer
  private let scores: Buffer
  private let candidates: NeighborCandidates
  private let queryNorms: InverseNorms
  private let bankNorms: InverseNorms

  /// - Parameter isWithinOneSet: whether row i of the bank is query i, and no neighbour of itself.
  init(_ queries: LabelledFeatures, _ bank: LabelledFeatures, k: Int, isWithinOneSet: Bool) throws {
    (self.queries, self.bank, self.isWithinOneSet) = (queries, bank, isWithinOneSet)
    let (most, width) = (min(Self.queriesAtOnce, queries.count), bank.width)
    let columns = min(Self.bankRowsAtOnce, bank.count)
    table = try NeighborTable(queries: queries.count, k: k)
    (sought, held) = (try Buffer(count: most * width), try Buffer(count: columns * width))
    scores = try Buffer(count: most * columns)
    bankNorms = try InverseNorms(bank.start, count: bank.count, width: width)
    queryNorms =
      isWithinOneSet
      ? bankNorms : try InverseNorms(queries.start, count: queries.count, width: width)
    candidates = try NeighborCandidates(queries: most, k: k, bank, bankNorms)
  }

  func run() throws -> NeighborTable {
    let width = bank.width
    for first in stride(from: 0, to: queries.count, by: Self.queriesAtOnce) {
      let count = min(Self.queriesAtOnce, queries.count - first)
      writeUnitRows(
        queries.start, queryNorms, from: first, count: count, width: width, to: sought.pointer)
      candidates.clear()
      for start in stride(from: 0, to: bank.count, by: Self.bankRowsAtOnce) {
        try Interruption.check()
        let columns = min(Self.bankRowsAtOnce, bank.count - start)
        writeUnitRows(bank.start, bankNorms, from: start, count: columns, width: width, to: held.pointer)
        try parallelProduct(
          count, columns, width, MatrixView(sought.pointer, stride: width),
          .view(MatrixView(held.pointer, stride: width, transposed: true)),
          into: MatrixOutput(scores.pointer, stride: columns))
        let (scores, sought, isWithinOneSet) = (scores.pointer, sought.pointer, isWithinOneSet)
        parallel(count) { query in
          candidates.take(
            scores + query * columns, count: columns, from: start, besides: isWithinOneSet ? first + query : -1,
            of: query, sought + query * width)
        }
      }
      try Interruption.check()
      parallel(count) { query in
        candidates.finish(
          query, sought.pointer + query * width, rows: table.rowPlace(first + query),
          cosines: table.cosinePlace(first + query))
      }
    }
    return table
  }
}
