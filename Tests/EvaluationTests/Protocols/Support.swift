import Compute
import Evaluation
import Images
import LatentMIM
import TestSupport
import Testing

/// Labelled features from plain arrays.
func labelled(
  _ vectors: [Float], width: Int, _ labels: [Int]?, set: String = "training", classNames: [String] = []
) throws -> LabelledFeatures {
  try LabelledFeatures(
    set: set, vectors: Buffer(vectors), count: vectors.count / max(width, 1), width: width, labels: labels,
    classNames: classNames)
}

/// A training and a test set of noisy clusters, one a class.
func clusters(
  train: Int, test: Int, width: Int, classes: Int, noise: Float = 1
) throws -> (train: LabelledFeatures, test: LabelledFeatures) {
  let centres = randomValues(classes * width, seed: 1)
  func draw(_ count: Int, set: String, seed: Int) throws -> LabelledFeatures {
    let labels = (0..<count).map { ($0 * $0 + $0 / 3) % classes }
    let spread = randomValues(count * width, seed: seed)
    let vectors = spread.indices.map { centres[labels[$0 / width] * width + $0 % width] + noise * spread[$0] }
    return try labelled(vectors, width: width, labels, set: set)
  }
  return (try draw(train, set: "training", seed: 2), try draw(test, set: "test", seed: 3))
}

extension ScoringProtocol {
  func score(_ sets: (train: LabelledFeatures, test: LabelledFeatures)) throws -> ClassificationScore {
    let result = try evaluate(train: sets.train, test: sets.test, tap: "test", self)
    return try #require(result.classification)
  }
}

extension NeighborTable {
  /// [queries · k], the rows of all queries.
  var allRows: [Int] { (0..<queries).flatMap { rows(of: $0).map { Int($0) } } }
}

/// An encoder of a 4×4 grid of 4-pixel patches, 32 wide.
func smallEncoder() throws -> Encoder {
  var configuration = ModelConfiguration(preset: .official)
  (configuration.rows, configuration.columns) = (4, 4)
  (configuration.patchSize, configuration.patchGap, configuration.numVisible) = (4, 2, 6)
  (configuration.width, configuration.depth, configuration.heads) = (32, 2, 4)
  (configuration.decoderWidth, configuration.decoderDepth, configuration.decoderHeads) = (16, 2, 2)
  (configuration.projectorWidth, configuration.projectorDepth) = (48, 3)
  return try LatentMIMModel(configuration, seed: 3).onlineEncoder
}

/// Random images of 20×20 pixels; image i is of class i mod `classes`, or without labels where that is nil.
func smallImages(_ count: Int, classes: Int? = 2, seed: Int) throws -> ImageArrays {
  let values = randomValues(count * 20 * 20 * 3, seed: seed, in: 0...1)
  let labels = classes.map { classes in (0..<count).map { $0 % classes } }
  return try ImageArrays(PixelMemory(values), shape: [count, 20, 20, 3], labels: labels)
}
