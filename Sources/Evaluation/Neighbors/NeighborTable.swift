import Compute

/// The nearest rows of a bank to each query, nearest first.
public final class NeighborTable: Sendable {
  public let queries: Int
  public let k: Int
  /// [queries, k] whole numbers of 32 bits, and as many doubles.
  private let rows: Buffer
  private let cosines: Buffer

  /// - Throws: `OutOfMemory`.
  init(queries: Int, k: Int) throws {
    (self.queries, self.k) = (queries, k)
    rows = try Buffer(count: queries * k)
    cosines = try Buffer(count: 2 * queries * k)
  }

  /// [k], the rows nearest to a query.
  public func rows(of query: Int) -> UnsafeBufferPointer<Int32> {
    UnsafeBufferPointer(start: rowPlace(query), count: k)
  }

  /// [k], their cosines.
  public func cosines(of query: Int) -> UnsafeBufferPointer<Double> {
    UnsafeBufferPointer(start: cosinePlace(query), count: k)
  }

  func rowPlace(_ query: Int) -> UnsafeMutablePointer<Int32> {
    rows.raw.assumingMemoryBound(to: Int32.self) + query * k
  }

  func cosinePlace(_ query: Int) -> UnsafeMutablePointer<Double> {
    cosines.raw.assumingMemoryBound(to: Double.self) + query * k
  }
}
