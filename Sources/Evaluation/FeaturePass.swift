import Compute
import Images
import LatentMIM
import Tensors

/// One way through the encoder, from which several poolings can be taken: what is costly, and shared.
struct FeaturePass: Equatable {
  var framing: EvaluationTransform.Framing
  var tap: FeatureTap

  /// Decoded images are large: a few at a time.
  private static let imagesAtOnce = 64

  /// Features of images of a data set, in inference mode.
  ///
  /// - Returns: for each pooling [count, C]; and the index of the image that each row really is, another than was asked
  ///   for where the data set replaces what cannot be read.
  /// - Throws: errors of the data set and of `Encoder.features`, `PoolingError`, `Interrupted`, what `progress` throws.
  func features(
    _ encoder: Encoder, _ dataset: any ImageDataset, indices: [Int], poolings: [Pooling],
    progress: (Int) throws -> Void = { _ in }
  ) throws -> (vectors: [Buffer], images: [Int]) {
    let transform = try EvaluationTransform(framing, normalization: encoder.configuration.normalization())
    let width = encoder.configuration.width
    let vectors = try poolings.map { _ in try Buffer(count: indices.count * width) }
    var images: [Int] = []
    for first in stride(from: 0, to: indices.count, by: Self.imagesAtOnce) {
      let part = Array(indices[first..<min(first + Self.imagesAtOnce, indices.count)])
      let batch = try loadBatch(dataset, indices: part, transform: .evaluate(transform))
      let tokens = try encoder.features(Tensor(shape: batch.shape, buffer: batch.pixels), tap: tap)
      for (pooling, place) in zip(poolings, vectors) {
        let pooled = try pooling(tokens, of: encoder)
        (place.pointer + first * width).update(from: pooled, count: pooled.count)
      }
      images += batch.indices
      try progress(first + part.count)
    }
    return (vectors, images)
  }

  /// The labelled features of a whole data set, one set for each pooling. Images that could not be read are left out.
  ///
  /// - Throws: `EvaluationError.noLabels`, and as `features`.
  func labelled(
    _ encoder: Encoder, _ dataset: any ImageDataset, set: String, poolings: [Pooling],
    progress: (Int) throws -> Void
  ) throws -> [LabelledFeatures] {
    guard let labels = dataset.labels else { throw EvaluationError.noLabels(set: set) }
    let asked = Array(0..<dataset.count)
    let found = try features(encoder, dataset, indices: asked, poolings: poolings, progress: progress)
    let kept = asked.filter { found.images[$0] == $0 }
    let width = encoder.configuration.width
    return try found.vectors.map { vectors in
      let rows = kept.count == asked.count ? vectors : try Buffer(count: kept.count * width)
      if kept.count < asked.count {
        for (place, row) in kept.enumerated() {
          (rows.pointer + place * width).update(from: vectors.pointer + row * width, count: width)
        }
      }
      return try LabelledFeatures(
        set: set, vectors: rows, count: kept.count, width: width, labels: kept.map { labels[$0] },
        classNames: dataset.classNames, images: kept)
    }
  }
}
