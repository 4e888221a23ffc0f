import Compute
import Tensors

/// Of one crop of each image, what terms of the loss mix over the batch. Where a batch is computed in parts, these are
/// found for all of it first: the terms are then those of the whole batch, and each part gets its share of their
/// gradient by the chain rule.
struct MixedValues {
  /// [B] each, similarities within images that the constraint holds; none where it is off.
  var similarities: [Tensor]
  /// [B, C], the mean visible token of each image; nil where crops are not contrasted.
  var pooled: Tensor?
  /// [B, C], what the momentum encoder makes of the same; a constant.
  var keys: Tensor?

  /// All of one crop, to be sent to other ranks.
  var tensors: [Tensor] { inputs + (keys.map { [$0] } ?? []) }

  /// The same of another part of the batch, from its numbers in that order.
  ///
  /// - Throws: `ShapeError`, `OutOfMemory`.
  func filled(with values: inout ArraySlice<Float>) throws -> MixedValues {
    func next(_ tensor: Tensor) throws -> Tensor {
      defer { values = values.dropFirst(tensor.count) }
      return try Tensor(shape: tensor.shape, values: values.prefix(tensor.count))
    }
    return MixedValues(similarities: try similarities.map(next), pooled: try pooled.map(next), keys: try keys.map(next))
  }

  /// Those that gradients flow to.
  var inputs: [Tensor] { similarities + (pooled.map { [$0] } ?? []) }

  /// Those of a whole batch as leaves, whose gradients can be asked for.
  ///
  /// - Parameter parts: of the same crop, in the order of the batch; at least one.
  /// - Throws: `ShapeError`, `OutOfMemory`.
  static func leaves(_ parts: [MixedValues]) throws -> MixedValues {
    func whole(_ tensors: [Tensor]) throws -> Tensor {
      let shape = [tensors.reduce(0) { $0 + $1.shape[0] }] + (tensors.first?.shape.dropFirst() ?? [])
      return try .leaf(shape: shape, buffer: Buffer(tensors.flatMap(\.values)))
    }
    let terms = parts.map(\.similarities.count).min() ?? 0
    return MixedValues(
      similarities: try (0..<terms).map { term in try whole(parts.map { $0.similarities[term] }) },
      pooled: parts.contains { $0.pooled == nil } ? nil : try whole(parts.compactMap(\.pooled)),
      keys: parts.contains { $0.keys == nil } ? nil : try whole(parts.compactMap(\.keys)).detached)
  }
}

/// The terms of the loss that mix the images of a batch, computed before its parts.
struct MixedTerms {
  let value: Double
  /// For each crop, the gradient of `MixedValues.inputs`, of all images.
  fileprivate let slopes: [[Tensor]]

  /// - Parameter crops: leaves, whose gradients have arrived.
  init(value: Double, of crops: [MixedValues]) throws {
    self.value = value
    slopes = try crops.map { crop in
      try crop.inputs.map { leaf in
        try Tensor(shape: leaf.shape, buffer: leaf.gradient?.value ?? Buffer(count: leaf.count, repeating: 0))
      }
    }
  }

  /// What to add to the loss of a part so that its gradient gets its share of these terms'.
  ///
  /// - Parameters:
  ///   - crops: the part's own values.
  ///   - images: which images of the batch they are.
  /// - Throws: `ShapeError`, `OutOfMemory`.
  func share(of crops: [MixedValues], images: Range<Int>) throws -> [(factor: Float, term: Tensor)] {
    try zip(crops, slopes).flatMap { crop, slopes in
      try zip(crop.inputs, slopes).map { input, slope in
        let rows = images.lowerBound * input.count / max(images.count, 1)
        let own = slope.buffer.values[rows..<rows + input.count]
        return (1, try dot(input, Tensor(shape: input.shape, values: own)))
      }
    }
  }
}
