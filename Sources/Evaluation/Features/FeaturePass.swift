import Compute
import Images
import LatentMIM
import Networks
import Tensors

/// One way through the encoder, from which several poolings can be taken: what is costly, and shared.
struct FeaturePass: Equatable {
  var framing: EvaluationTransform.Framing
  var tap: FeatureTap
  var precision: Precision
  var scaling: PositionScaling
  var stride: Int?

  /// Decoded images are large, and so are the tokens of several layers: a few at a time.
  private var imagesAtOnce: Int { max(64 / max(tap.layerCount, 1), 4) }

  /// Numbers in the vector of an image.
  ///
  /// - Throws: `ShapeError`, `ImageError` where the framing does not go with the encoder.
  func width(_ encoder: Encoder, _ pooling: Pooling) throws -> Int {
    let seen = try EvaluationTransform(framing, normalization: encoder.configuration.normalization())
    let patches = try encoder.grid(height: seen.height, width: seen.width, stride: stride).cells
    let ofLayer = pooling.width(
      patches: patches, channels: encoder.configuration.width, hasClassToken: encoder.hasClassToken)
    return tap.layerCount * ofLayer
  }

  /// Features of images of a data set, in inference mode.
  ///
  /// - Parameter crops: nil: whole images or their centres, as they are framed; else random crops of that size.
  /// - Returns: for each pooling [count, width] and the width; and the index of the image that each row really is,
  ///   another than was asked for where the data set replaces what cannot be read.
  /// - Throws: errors of the data set and of `Encoder.features`, `PoolingError`, `Interrupted`, what `progress` throws.
  func features(
    _ encoder: Encoder, _ dataset: any ImageDataset, indices: [Int], poolings: [Pooling], crops: RandomCrops? = nil,
    progress: (Int) throws -> Void = { _ in }
  ) throws -> (vectors: [Buffer], widths: [Int], images: [Int]) {
    let framed = try EvaluationTransform(framing, normalization: encoder.configuration.normalization())
    let transform = try crops?.transform(framed) ?? .evaluate(framed)
    let widths = try poolings.map { try width(encoder, $0) }
    let vectors = try widths.map { try Buffer(count: indices.count * $0) }
    var images: [Int] = []
    // Parts of one size but for an image: OpenBLAS, where there is no AVX2, computes a product of few rows in another
    // way, and copies of an image would have features of other last bits. Ranks take whole parts, for the same reason.
    let parts = (indices.count + imagesAtOnce - 1) / imagesAtOnce
    func part(_ number: Int) -> ArraySlice<Int> {
      indices[indices.count * number / parts..<indices.count * (number + 1) / parts]
    }
    try encoder.eachPart(of: parts, work: digest(indices, of: dataset, poolings, crops)) { number in
      let batch = try loadBatch(
        dataset, indices: Array(part(number)), transform: transform, seed: crops?.seed ?? 0, epoch: crops?.number ?? 0)
      let tokens = try encoder.features(
        Tensor(shape: batch.shape, buffer: batch.pixels), tap: tap, scaling: scaling, stride: stride,
        precision: precision)
      return EncodedImages(
        values: try joined(poolings.map { try $0(tokens, of: encoder, tap: tap) }), images: batch.indices)
    } take: { number, found in
      var next = found.values.pointer
      for (all, width) in zip(vectors, widths) {
        let count = found.images.count * width
        (all.pointer + part(number).startIndex * width).update(from: next, count: count)
        next += count
      }
      images += found.images
      try progress(images.count)
    }
    return (vectors, widths, images)
  }

  /// What tells this from other passes, roughly: all that ranks could take for each other.
  private func digest(
    _ indices: [Int], of dataset: any ImageDataset, _ poolings: [Pooling], _ crops: RandomCrops?
  ) -> UInt64 {
    var digest = Digest()
    for number in [dataset.count] + indices { digest.add(number: number) }
    digest.add(Array("\(self) \(poolings) \(crops.map { "\($0)" } ?? "")".utf8))
    return digest.value
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
    return try zip(found.vectors, found.widths).map { vectors, width in
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

/// The crops of training in place of whole images: one for each image, another for each number.
struct RandomCrops: Equatable {
  let seed: UInt64
  let number: Int

  /// - Throws: `ImageError`.
  fileprivate func transform(_ framed: EvaluationTransform) throws -> ImageTransform {
    .train(try Augmentation(height: framed.height, width: framed.width, normalization: framed.normalization))
  }
}

/// The values of all, one after the other.
private func joined(_ buffers: [Buffer]) throws -> Buffer {
  guard buffers.count != 1 else { return buffers[0] }
  let all = try Buffer(count: buffers.reduce(0) { $0 + $1.count })
  var next = all.pointer
  for buffer in buffers {
    next.update(from: buffer.pointer, count: buffer.count)
    next += buffer.count
  }
  return all
}
