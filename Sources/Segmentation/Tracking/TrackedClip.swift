import Compute
import LatentMIM

/// What is known of a clip so far.
struct TrackedClip {
  let frame: FrameSize
  let network: FrameSize
  let grid: LineGrid
  private(set) var channels = ObjectChannels()
  private(set) var frames = 0
  private let options: TrackingOptions
  private let propagation: LabelPropagation
  private let output: TrackedLabels
  /// Frames whose labels were given: they stay.
  private var given: [TrackedFrame] = []
  /// The last others, the oldest first; with `padContext` the last of all.
  private var recent: [TrackedFrame] = []

  init(_ frame: FrameSize, _ encoder: Encoder, _ options: TrackingOptions) throws {
    let side = encoder.configuration.patchSize
    network = options.networkSize(of: frame, patchSize: side)
    grid = LineGrid(rows: network.height / side, columns: network.width / side)
    (self.frame, self.options) = (frame, options)
    propagation = LabelPropagation(grid: grid, width: encoder.configuration.width, options)
    output = TrackedLabels(
      grid: grid, frame: frame, network: network, upsampling: options.upsample, rescales: options.rescale)
  }

  /// Takes the first frame.
  mutating func start(_ features: Buffer, _ labels: [UInt8]) throws {
    channels.add(labels)
    let maps = try labelMaps(labels, frame, channels, grid: grid, options.maskSampling)
    keep(TrackedFrame(features: features, maps: maps, channels: channels.count), isGiven: true)
  }

  /// Takes the next frame; gives its labels.
  mutating func add(_ features: Buffer, _ labels: [UInt8]?) throws -> [UInt8] {
    if let labels { channels.add(labels) }
    let maps = try Profile.measure("label propagation") {
      try propagation(features, context, channels: channels.count)
    }
    var found = try Profile.measure("labels of pixels") { try output(maps, labels: channels.labels) }
    if let labels {
      overlay(
        try labelMaps(labels, frame, channels, grid: grid, options.maskSampling), on: maps, channels: channels.count)
      for (pixel, label) in labels.enumerated() where channels[label] > 0 { found[pixel] = label }
    }
    keep(TrackedFrame(features: features, maps: maps, channels: channels.count), isGiven: labels != nil)
    return found
  }

  /// What the next frame is compared with, the first frame first.
  private var context: [ContextEntry] {
    let missing = options.padContext ? max(options.context - frames, 0) : 0
    return given.map { ContextEntry(frame: $0, isWindowed: options.firstFrameWindow, copies: 1) }
      + recent.enumerated().map { index, frame in
        ContextEntry(frame: frame, isWindowed: true, copies: index == 0 ? missing + 1 : 1)
      }
  }

  private mutating func keep(_ frame: TrackedFrame, isGiven: Bool) {
    frames += 1
    if isGiven { given.append(frame) }
    guard options.context > 0, !isGiven || options.padContext else { return }
    recent.append(frame)
    if recent.count > options.context { recent.removeFirst() }
  }
}
