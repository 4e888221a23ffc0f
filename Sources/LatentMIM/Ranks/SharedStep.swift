import Compute
import Networks
import Tensors

extension Trainer {
  /// Compares what ranks must have in common, once: nothing later would tell.
  ///
  /// - Throws: `RanksError` naming a rank and what it has that rank 0 has not.
  func checkRanks() throws {
    guard let ranks, !hasCheckedRanks else { return }
    let weights = model.parameters.map { $0.parameter.tensor.buffer }
    let moments = optimizer.slots.flatMap { [$0.mean, $0.square] }
    for (what, digest) in [
      ("another instruction set", textDigest(InstructionSet.current.rawValue)),
      ("another precision", textDigest(configuration.precision.rawValue)),
      ("other model options", textDigest(try model.configuration.json.text())),
      ("other training options", textDigest(try configuration.comparable.json.text())),
      ("other images", textDigest(try dataFingerprint.json.text())),
      ("done another number of steps", UInt64(step)), ("another end of its run", UInt64(totalSteps)),
      ("other weights", weightDigest(weights)), ("other moments of weights", weightDigest(moments)),
    ] { try ranks.requireSame(digest, what) }
    hasCheckedRanks = true
  }
}

extension TrainingConfiguration {
  /// Without what leaves every step's numbers as they are.
  fileprivate var comparable: TrainingConfiguration {
    var comparable = self
    comparable.takeWhatChangesNothing(from: TrainingConfiguration())
    return comparable
  }
}

func textDigest(_ text: String) -> UInt64 {
  var digest = Digest()
  digest.add(Array(text.utf8))
  return digest.value
}

/// A sum of squares each: a pass over memory on all threads, where a digest of every number would take seconds.
func weightDigest(_ buffers: [Buffer]) -> UInt64 {
  var digest = Digest()
  for buffer in buffers {
    let sum = sumOfSquares(buffer.pointer, count: buffer.count)
    digest.add(number: Int(truncatingIfNeeded: sum.bitPattern))
  }
  return digest.value
}

extension BatchMetrics {
  /// The whole batch's, from a rank's share of it.
  ///
  /// - Throws: what the communicator throws.
  mutating func takeMeans(_ ranks: Ranks) throws {
    let means = try ranks.means([
      loss, objectiveLoss, similarityPredictions, similarityVisible, similarityTargets,
    ])
    (loss, objectiveLoss, similarityPredictions) = (means[0], means[1], means[2])
    (similarityVisible, similarityTargets) = (means[3], means[4])
  }
}

extension [[MixedValues]] {
  /// Those of all parts of a batch, from those of this rank.
  ///
  /// - Throws: `OutOfMemory`, what the communicator throws.
  func gathered(_ ranks: Ranks) throws -> [[MixedValues]] {
    guard let shapes = first else { return self }
    let numbers = map { part in part.flatMap { $0.tensors.flatMap(\.values) } }
    return try ranks.gatherParts(numbers).map { part in
      var left = part[...]
      return try shapes.map { try $0.filled(with: &left) }
    }
  }
}
