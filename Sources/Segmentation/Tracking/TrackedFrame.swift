import Compute

/// What is kept of a frame of the context. Patches are in the order of a `LineGrid`.
final class TrackedFrame: Sendable {
  /// [patches, C], each of length 1.
  let features: Buffer
  /// [patches, channels]: the share of the background and of each object; those that appeared later have none.
  let maps: Buffer
  let channels: Int

  init(features: Buffer, maps: Buffer, channels: Int) {
    (self.features, self.maps, self.channels) = (features, maps, channels)
  }
}

/// A frame that patches are compared with.
struct ContextEntry: Sendable {
  let frame: TrackedFrame
  let isWindowed: Bool
  /// How often it is there.
  let copies: Int
}
