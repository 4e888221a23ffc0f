import Compute

/// How processes that train one model together reach each other: ranks 0 ..< size, each with its share of every batch.
/// The core knows nothing of how it is done; MPI is one way.
///
/// All ranks start the same exchanges in the same order, and finish each. Both functions are called on the thread that
/// called the trainer.
public protocol Communicator: AnyObject, Sendable {
  var rank: Int { get }
  var size: Int { get }

  /// Starts an exchange. Its memory stays where it is, and is touched by nobody else, until it is finished.
  ///
  /// - Returns: what `finish` knows it by.
  /// - Throws: where it cannot be done: the ranks are no longer in step then.
  func start(_ exchange: Exchange) throws -> Int

  /// Whether an exchange has ended; once true it is forgotten.
  ///
  /// - Parameter waits: whether to wait until it has.
  /// - Throws: as `start`.
  func finish(_ request: Int, waits: Bool) throws -> Bool
}

/// Memory that goes between ranks; as much on each.
public enum Exchange {
  /// Values become their sum over all ranks, the same bits on each.
  case sum(UnsafeMutableBufferPointer<Float>)
  /// `received` becomes what each rank sends, in the order of ranks.
  case gather(sent: UnsafeRawBufferPointer, received: UnsafeMutableRawBufferPointer)
  /// Part r of what a rank sends goes to rank r; `received` becomes the parts for this rank, in the order of ranks.
  case allToAll(sent: UnsafeRawBufferPointer, received: UnsafeMutableRawBufferPointer)
}

/// Ranks that cannot go on together.
public struct RanksError: DescribedError {
  public let kind: ErrorKind
  public let description: String

  public init(_ problem: String, kind: ErrorKind = .value) { (self.kind, description) = (kind, "ranks: \(problem)") }
}
