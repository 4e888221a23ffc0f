import Compute
import Networks

/// Steps that the ranks of a joined encoder train parameters by, each with some parts of every batch: gradients and
/// loss are those of one process, but for the rounding of sums. Of an encoder that is not joined it is a rank alone.
public final class SharedTraining {
  public let rank: Int
  public let size: Int
  private let ranks: EncodingRanks?
  private let reduction: GradientReduction?

  /// - Parameter parameters: those trained, the same on all.
  /// - Throws: `OutOfMemory`.
  public init(_ encoder: Encoder, _ parameters: [NamedParameter]) throws {
    ranks = encoder.ranks
    (rank, size) = (ranks?.rank ?? 0, ranks?.size ?? 1)
    reduction = try ranks?.reduction(parameters)
  }

  /// Leaves the gradients of all ranks summed.
  ///
  /// - Parameters:
  ///   - work: what all of them do, so that ranks that do something else are noticed.
  ///   - compute: adds this rank's share of the gradients, one to each parameter; returns its share of the loss.
  /// - Returns: the sum of what `compute` returns.
  /// - Throws: what `compute` throws here; `RankFailure` what it throws elsewhere, `RanksError`.
  public func step(work: UInt64, _ compute: () throws -> Double) throws -> Double {
    guard let ranks, let reduction else { return try compute() }
    return try ranks.summed(reduction, work: work, compute)
  }

  /// To be called with the length of the summed gradient: where it differs, ranks have drifted apart.
  ///
  /// - Throws: `RanksError`.
  public func requireSame(gradientNorm: Double) throws { try ranks?.requireSame(gradientNorm: gradientNorm) }
}
