import Compute
import Files
import Images
import LatentMIM
import Tensors

/// What an encoder's features say of it without labels: which images are looked at.
public struct WithoutLabels: Configurable {
  public static let name = "without_labels"
  /// The most images that are looked at, spread evenly over the data set.
  public var images = 1000
  /// Random crops of each image for LiDAR; 0: without it.
  public var views = 10
  /// Of the crops.
  public var seed = 0

  public static let options: [Option<Self>] = [
    Option("images", \.images, .integer(2...1_000_000)),
    Option("views", \.views, .integer(0...1000)),
    Option("seed", \.seed, .integer(0...Int(Int32.max))),
  ]

  public init() {}

  /// - Throws: `JSONError`, `ConfigurationError`.
  public init(json: JSONCursor) throws {
    try apply(json)
    try check()
  }

  /// - Throws: `ConfigurationError`.
  func check() throws {
    try checkRanges()
    guard views != 1 else {
      throw ConfigurationError("views", "is 1, wanted 0, or 2 or more: views of an image are compared", of: Self.name)
    }
  }

  /// The images that are looked at.
  func indices(of count: Int) -> [Int] {
    let taken = min(images, count)
    return (0..<taken).map { $0 * count / taken }
  }
}

/// RankMe, effective rank, α-ReQ and similarity behind each layer of a tap, and LiDAR behind the last of them.
///
/// - Parameters:
///   - features: how images become vectors; all layers where its tap names none.
/// - Throws: `EvaluationError`, `ConfigurationError`, errors of the data set and of the encoder, `OutOfMemory`,
///   `Interrupted`, what `progress` throws.
public func reportWithoutLabels(
  _ encoder: Encoder, _ dataset: any ImageDataset, _ options: WithoutLabels = WithoutLabels(),
  features: FeatureProtocol? = nil, progress: EvaluationProgress = { _, _, _ in }
) throws -> WithoutLabelsReport {
  try options.check()
  let model = encoder.configuration
  var protocolOfAll = features ?? .nearestNeighbor(for: model)
  let layers = protocolOfAll.tap.layers ?? everyLayer(of: model, protocolOfAll.tap)
  protocolOfAll.tap.layers = layers
  var protocolOfLast = protocolOfAll
  protocolOfLast.tap.layers = [layers.last ?? model.depth]
  let asked = options.indices(of: dataset.count)
  let rows = try vectors(protocolOfAll, encoder, dataset, asked, nil) { done, total in
    try progress("features", done, total)
  }
  let ranks = try layerRanks(rows, layers: layers) { try progress("ranks", $0, layers.count) }
  let lidar =
    try options.views == 0 ? nil : discriminant(encoder, dataset, rows.images, options, protocolOfLast, progress)
  return WithoutLabelsReport(
    options: options, tap: protocolOfLast.description(for: model), images: rows.images.count,
    width: rows.width / layers.count,
    layers: ranks, lidar: lidar)
}

/// The same of vectors from anywhere.
///
/// - Parameters:
///   - vectors: [count, views, width]: ranks are of the first view of each image, LiDAR is of all where there are two
///     or more.
/// - Throws: `EvaluationError`, `OutOfMemory`.
public func reportWithoutLabels(
  vectors: UnsafeBufferPointer<Float>, count: Int, views: Int, width: Int
) throws -> WithoutLabelsReport {
  guard count > 0, views > 0, width > 0, elementCount([count, views, width]) == vectors.count,
    let start = vectors.baseAddress
  else { throw EvaluationError.features(set: "given", found: vectors.count, count: count * views, width: width) }
  try checkFinite(vectors, width: width)
  let first = try Buffer(count: count * width)
  for image in 0..<count {
    (first.pointer + image * width).update(from: start + image * views * width, count: width)
  }
  let ranks = try layerRanks(Vectors(values: first, width: width, images: Array(0..<count)), layers: [nil]) { _ in }
  let lidar = try views < 2 ? nil : discriminantRank(start, images: count, views: views, width: width)
  var options = WithoutLabels()
  (options.images, options.views) = (max(count, 2), views < 2 ? 0 : views)
  return WithoutLabelsReport(
    options: options, tap: "given features", images: count, width: width, layers: ranks, lidar: lidar)
}

/// Vectors of images, [images, width].
private struct Vectors {
  let values: Buffer
  let width: Int
  let images: [Int]
}

private func everyLayer(of model: ModelConfiguration, _ tap: FeatureTap) -> [Int] {
  if tap.projected { return [model.depth] }
  return Array((tap.part == .tokens ? 0 : 1)...model.depth)
}

/// The vectors of images; those that cannot be read are left out.
///
/// - Parameter crops: nil: images as they are framed.
private func vectors(
  _ features: FeatureProtocol, _ encoder: Encoder, _ dataset: any ImageDataset, _ indices: [Int], _ crops: RandomCrops?,
  progress: (Int, Int) throws -> Void
) throws -> Vectors {
  let found = try features.pass.features(
    encoder, dataset, indices: indices, poolings: [features.pooling], crops: crops
  ) { try progress($0, indices.count) }
  let (rows, width) = (found.vectors[0], found.widths[0])
  let kept = indices.indices.filter { found.images[$0] == indices[$0] }
  for (place, row) in kept.enumerated() where place != row {
    (rows.pointer + place * width).update(from: rows.pointer + row * width, count: width)
  }
  try checkFinite(UnsafeBufferPointer(start: rows.pointer, count: kept.count * width), width: width)
  return Vectors(values: rows, width: width, images: kept.map { indices[$0] })
}

private func layerRanks(_ rows: Vectors, layers: [Int?], progress: (Int) throws -> Void) throws -> [LayerRanks] {
  let images = rows.images.count
  guard images > 1 else { throw EvaluationError.nothingToCompare(images: images) }
  let width = rows.width / layers.count
  return try layers.enumerated().map { place, layer in
    let ofLayer = try Buffer(count: images * width)
    for image in 0..<images {
      (ofLayer.pointer + image * width).update(
        from: rows.values.pointer + image * rows.width + place * width, count: width)
    }
    let ranks = try LayerRanks(layer: layer, Tensor(shape: [images, width], buffer: ofLayer))
    try progress(place + 1)
    return ranks
  }
}

/// LiDAR of random crops, those of training: views of an image are its classes' members.
private func discriminant(
  _ encoder: Encoder, _ dataset: any ImageDataset, _ images: [Int], _ options: WithoutLabels,
  _ features: FeatureProtocol, _ progress: EvaluationProgress
) throws -> Double {
  let width = try features.width(of: encoder)
  let views = try Buffer(count: images.count * options.views * width)
  for view in 0..<options.views {
    let crops = RandomCrops(seed: UInt64(options.seed), number: view)
    let rows = try vectors(features, encoder, dataset, images, crops) { done, _ in
      try progress("features of crops", view * images.count + done, options.views * images.count)
    }
    guard rows.images == images else { throw EvaluationError.changedImages }
    for image in images.indices {
      (views.pointer + (image * options.views + view) * width).update(
        from: rows.values.pointer + image * width, count: width)
    }
  }
  return try discriminantRank(views.pointer, images: images.count, views: options.views, width: width)
}

private func checkFinite(_ values: UnsafeBufferPointer<Float>, width: Int) throws {
  if let bad = values.firstIndex(where: { !$0.isFinite }) {
    throw EvaluationError.notFinite(set: "given", row: bad / width, channel: bad % width)
  }
}
