import Compute
import Files
import Images
import LatentMIM
import Tensors

/// Follows objects through the frames of a clip: video object segmentation by label propagation.
///
/// Frames are handed in one after the other; of each, features and soft maps are kept as long as the context reaches
/// back. What fails leaves the tracker as it was.
public final class Tracker {
  public let options: TrackingOptions
  let encoder: Encoder
  private let normalization: Normalization
  private var clip: TrackedClip?

  /// - Throws: `ConfigurationError` for an option outside its range, a mean or std of another number of channels, or a
  ///   layer that the encoder does not have; `PrecisionError`.
  public init(_ encoder: Encoder, options: TrackingOptions) throws {
    try options.checkRanges()
    let model = encoder.configuration
    for (name, given) in [("mean", options.mean), ("std", options.std)] {
      if let given, given.count != model.channels {
        throw ConfigurationError(
          name, "holds \(given.count) numbers, wanted one for each of \(model.channels) channels",
          of: TrackingOptions.name)
      }
    }
    if let layer = options.layer, layer > model.depth {
      throw ConfigurationError("layer", "is \(layer), wanted 0 … \(model.depth)", of: TrackingOptions.name)
    }
    _ = try options.precision.arithmetic()
    (self.encoder, self.options) = (encoder, options)
    normalization = try Normalization(
      mean: (options.mean ?? model.mean).map(Float.init), std: (options.std ?? model.std).map(Float.init))
  }

  /// Frames of the clip so far.
  public var frames: Int { clip?.frames ?? 0 }
  /// The objects that are followed, in the order they appeared.
  public var objects: [UInt8] { clip?.channels.objects ?? [] }
  /// Height and width that features are computed at; nil before a clip has begun.
  public var networkSize: (height: Int, width: Int)? { clip.map { ($0.network.height, $0.network.width) } }

  /// Begins a clip.
  ///
  /// - Parameters:
  ///   - frame: its first frame.
  ///   - labels: [height, width] of the frame: 0 background, 1 … 254 objects, 255 void, which counts as background.
  /// - Throws: `TrackingError` where the labels name no object or are of another size; what the encoder refuses, with
  ///   the frame's number; `Interrupted`.
  public func start(_ frame: Image, labels: [UInt8]) throws {
    try TrackingError.naming(frame: 0) {
      let size = FrameSize(height: frame.height, width: frame.width)
      try check(labels, size, frame: 0)
      var begun = try TrackedClip(size, encoder, options)
      try begun.start(features(frame, begun), labels)
      clip = begun
    }
  }

  /// Goes on with the next frame.
  ///
  /// - Parameters:
  ///   - frame: of the first one's size.
  ///   - labels: nil, or labels as above of objects that are given with this frame, such as new ones: they replace
  ///     what is propagated, where they are not 0 or 255, and the frame stays in the context, like the first.
  /// - Returns: the labels of its pixels, [height, width].
  /// - Throws: `TrackingError`, also where no clip was begun; as `start`.
  public func add(_ frame: Image, labels: [UInt8]? = nil) throws -> [UInt8] {
    guard var next = clip else { throw TrackingError("no clip was begun: the first frame comes with labels", frame: 0) }
    let index = next.frames
    return try TrackingError.naming(frame: index) {
      let size = FrameSize(height: frame.height, width: frame.width)
      guard size == next.frame else {
        throw TrackingError(
          "is \(size.height)×\(size.width), wanted \(next.frame.height)×\(next.frame.width) like the first",
          frame: index)
      }
      if let labels { try check(labels, size, frame: index) }
      let found = try next.add(features(frame, next), labels)
      clip = next
      return found
    }
  }

  private func check(_ labels: [UInt8], _ size: FrameSize, frame: Int) throws {
    guard labels.count == size.height * size.width else {
      throw TrackingError("has \(size.height)×\(size.width) pixels, and \(labels.count) labels", frame: frame)
    }
    guard labels.contains(where: { $0 != 0 && $0 != ObjectChannels.void }) else {
      throw TrackingError("its labels name no object, wanted a pixel of 1 … 254", frame: frame)
    }
  }

  /// Features of a frame, each of length 1: [patches, C], in the order of the grid's lines.
  private func features(_ frame: Image, _ clip: TrackedClip) throws -> Buffer {
    guard frame.channels == encoder.configuration.channels else {
      throw ArgumentError("has \(frame.channels) channels, the encoder wants \(encoder.configuration.channels)")
    }
    let (network, grid) = (clip.network, clip.grid)
    let pixels = try Profile.measure("resize") {
      try Resampling(
        height: network.height, width: network.width, interpolation: options.interpolation,
        normalization: normalization)(frame)
    }
    let tokens = try encoder.features(
      Tensor(shape: [1, network.height, network.width, frame.channels], buffer: pixels),
      tap: FeatureTap(layers: options.layer.map { [$0] }, normed: options.norm), precision: options.precision)
    let width = encoder.configuration.width
    let rows = UnsafePointer(tokens.pointer + (tokens.shape[1] - grid.count) * width)
    let norms = try InverseNorms(rows, count: grid.count, width: width)
    let features = try Buffer(count: grid.count * width)
    parallelRows(grid.count, cost: width) { patches in
      for patch in patches {
        let index = grid.rasterIndex(patch)
        let (from, to, inverse) = (rows + index * width, features.pointer + patch * width, norms[index])
        for channel in 0..<width { to[channel] = Float(Double(from[channel]) * inverse) }
      }
    }
    return features
  }
}
