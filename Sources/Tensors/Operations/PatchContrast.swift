import CKernels
import Compute

/// InfoNCE among the patches of an image (eq. 7, without its factor τ): mean over images and predictions k of
/// −log softmax_l(ẑ_k·z_l/τ) at k's own target l.
///
/// - Parameters:
///   - predictions: [B, T, C], of unit length.
///   - keys: [B, N, C], of unit length.
///   - own: B · T key numbers: the target of each prediction; nil: key k for prediction k, N = T.
///   - temperature: τ > 0.
///   - alike: keys whose cosine similarity to a prediction's own target exceeds this are excluded from its softmax; nil
///     excludes none. No gradient flows through that choice.
/// - Returns: a scalar.
/// - Throws: `ShapeError`, `OutOfMemory`.
public func patchContrast(
  _ predictions: Tensor, _ keys: Tensor, own: [Int32]? = nil, temperature: Float, alike: Float? = nil
) throws -> Tensor {
  let shape = try ContrastShape(predictions, keys, own: own, temperature: temperature, alike: alike)
  let (p, z) = (predictions.buffer, keys.buffer)
  let logSumExp = try Buffer(count: shape.images * shape.queries)
  let losses = try Buffer(count: shape.images * shape.queries)
  try parallelWithScratch(shape.images, scratchCount: shape.scratchCount) { image, place in
    shape.score(image, p, z, place)
    let sums = logSumExp.pointer + image * shape.queries
    let own = losses.pointer + image * shape.queries
    for k in 0..<shape.queries { own[k] = place[shape.placeOfOwn(k, image)] / temperature }
    lmk_softmax(shape.queries, shape.keys, shape.stride, 1 / temperature, place, sums)
    for k in 0..<shape.queries { own[k] = sums[k] - own[k] }
  }
  let mean = losses.values.reduce(0.0) { $0 + Double($1) } / Double(max(losses.count, 1))

  let (dp, dz) = (predictions.gradient, keys.gradient)
  return recorded(shape: [], buffer: try Buffer([Float(mean)]), inputs: [predictions, keys]) { dy in
    let scale = dy.pointer[0] / (Float(shape.images * shape.queries) * temperature)
    let (dPredictions, dKeys) = (try Buffer(count: p.count), try dz.map { _ in try Buffer(count: z.count) })
    try parallelWithScratch(shape.images, scratchCount: shape.scratchCount) { image, place in
      shape.score(image, p, z, place)
      lmk_softmax_from_log_sum_exp(
        shape.queries, shape.keys, shape.stride, 1 / temperature, place, logSumExp.pointer + image * shape.queries)
      for k in 0..<shape.queries { place[shape.placeOfOwn(k, image)] -= 1 }
      shape.mixKeys(image, place, z, scale: scale, into: dPredictions)
      if let dKeys { shape.mixPredictions(image, place, p, scale: scale, into: dKeys) }
    }
    try dp?.add(dPredictions)
    if let dKeys { try dz?.add(dKeys) }
  }
}

/// Sizes of a contrast, and the products of one image, shared by value and gradient.
private struct ContrastShape {
  let images: Int
  let queries: Int
  let keys: Int
  let width: Int
  /// Stride of the rows of scores.
  let stride: Int
  private let own: [Int32]?
  private let alike: Float?
  private let scoring: LocalProduct
  private let keyMixing: LocalProduct
  private let predictionMixing: LocalProduct

  /// Score of an excluded key: softmax gives it 0, and dividing by the temperature does not overflow.
  private static let excluded: Float = -1e30

  init(_ predictions: Tensor, _ keys: Tensor, own: [Int32]?, temperature: Float, alike: Float?) throws {
    try expect(3, predictions, "patchContrast", "predictions")
    (images, queries, width) = (predictions.shape[0], predictions.shape[1], predictions.width)
    self.keys = own != nil && keys.shape.count == 3 ? keys.shape[1] : queries
    try expect([images, self.keys, width], keys, "patchContrast", "targets")
    guard temperature > 0 else { throw ShapeError("patchContrast", "temperature is \(temperature), wanted above 0") }
    if let own {
      guard own.count == images * queries, own.allSatisfy({ (0..<Int32(keys.shape[1])).contains($0) }) else {
        throw ShapeError(
          "patchContrast", "own holds \(own.count) key numbers, wanted \(images * queries) in 0 ..< \(self.keys)")
      }
    }
    (self.own, self.alike) = (own, alike)
    stride = wholeVectors(self.keys)
    scoring = LocalProduct(queries, self.keys, width)
    keyMixing = LocalProduct(queries, width, self.keys)
    predictionMixing = LocalProduct(self.keys, width, queries)
  }

  /// Floats for the scores, for cosines and own targets if keys can be excluded, and for the products' scratch memory.
  var scratchCount: Int {
    scratchBeforeProducts + max(scoring.scratchCount, keyMixing.scratchCount, predictionMixing.scratchCount)
  }

  private var scratchBeforeProducts: Int {
    let scores = queries * stride
    return alike == nil ? scores : 2 * scores + wholeVectors(queries * width)
  }

  private func ownKey(_ k: Int, _ image: Int) -> Int { own.map { Int($0[image * queries + k]) } ?? k }

  func placeOfOwn(_ k: Int, _ image: Int) -> Int { k * stride + ownKey(k, image) }

  /// The products' scratch memory, behind the rest.
  private func workPlace(_ place: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<Float> {
    place + scratchBeforeProducts
  }

  /// Writes predictions · keysᵀ of one image to `place`, excluded keys set to `excluded`.
  func score(_ image: Int, _ p: Buffer, _ z: Buffer, _ place: UnsafeMutablePointer<Float>) {
    let imageKeys = MatrixView(z.pointer + image * keys * width, stride: width, transposed: true)
    scoring(
      MatrixView(p.pointer + image * queries * width, stride: width), imageKeys,
      into: MatrixOutput(place, stride: stride), scratch: workPlace(place))
    guard let alike else { return }
    let (cosines, targets) = (place + queries * stride, place + 2 * queries * stride)
    for k in 0..<queries {
      let target = z.pointer + (image * keys + ownKey(k, image)) * width
      (targets + k * width).update(from: target, count: width)
    }
    scoring(
      MatrixView(targets, stride: width), imageKeys, into: MatrixOutput(cosines, stride: stride),
      scratch: workPlace(place))
    for k in 0..<queries {
      for key in 0..<keys where cosines[k * stride + key] > alike && key != ownKey(k, image) {
        place[k * stride + key] = Self.excluded
      }
    }
  }

  /// scores · keys: the gradient of predictions.
  func mixKeys(_ image: Int, _ scores: UnsafeMutablePointer<Float>, _ z: Buffer, scale: Float, into result: Buffer) {
    keyMixing(
      MatrixView(scores, stride: stride), MatrixView(z.pointer + image * keys * width, stride: width),
      into: MatrixOutput(result.pointer + image * queries * width, stride: width), Epilogue(alpha: scale),
      scratch: workPlace(scores))
  }

  /// scoresᵀ · predictions: the gradient of keys.
  func mixPredictions(
    _ image: Int, _ scores: UnsafeMutablePointer<Float>, _ p: Buffer, scale: Float, into result: Buffer
  ) {
    predictionMixing(
      MatrixView(scores, stride: stride, transposed: true),
      MatrixView(p.pointer + image * queries * width, stride: width),
      into: MatrixOutput(result.pointer + image * keys * width, stride: width), Epilogue(alpha: scale),
      scratch: workPlace(scores))
  }
}
