import Compute
import Glibc
import TestSupport
import Testing

@testable import Segmentation

/// Frames of random features, each of length 1, with random maps.
private func frames(_ count: Int, _ grid: LineGrid, width: Int, channels: Int, seed: Int) throws -> [TrackedFrame] {
  try (0..<count).map { number in
    let rows = randomValues(grid.count * width, seed: seed + number).rowsOfUnitLength(width: width)
    let maps = randomValues(grid.count * channels, seed: 100 + seed + number).map { abs($0) }
    return TrackedFrame(features: try Buffer(rows), maps: try Buffer(maps), channels: channels)
  }
}

/// The votes of every patch of every context frame, in double precision.
private func naive(
  _ features: Buffer, _ context: [ContextEntry], channels: Int, width: Int, _ options: TrackingOptions, _ grid: LineGrid
) -> [Double] {
  func place(_ patch: Int) -> (Int, Int) { (patch / grid.length, patch % grid.length) }
  func isInside(_ first: Int, _ second: Int) -> Bool {
    let down = place(first).0 - place(second).0
    let across = place(first).1 - place(second).1
    switch options.windowShape {
    case .square: return Double(max(abs(down), abs(across))) <= options.window
    case .circle: return Double(down * down + across * across) <= options.window * options.window
    case .openCircle: return Double(down * down + across * across) < options.window * options.window
    }
  }
  return (0..<grid.count).flatMap { patch -> [Double] in
    var votes: [(cosine: Double, map: [Double])] = []
    for entry in context {
      for other in 0..<grid.count where !entry.isWindowed || options.window == 0 || isInside(patch, other) {
        let cosine = (0..<width).reduce(0.0) {
          $0 + Double(features.pointer[patch * width + $1]) * Double(entry.frame.features.pointer[other * width + $1])
        }
        let map = (0..<channels).map {
          $0 < entry.frame.channels ? Double(entry.frame.maps.pointer[other * entry.frame.channels + $0]) : 0
        }
        for _ in 0..<entry.copies { votes.append((cosine, map)) }
      }
    }
    votes.sort { $0.cosine > $1.cosine }
    let last = votes[min(options.k, votes.count) - 1].cosine
    let kept = options.keepTies ? Array(votes.prefix { $0.cosine >= last }) : Array(votes.prefix(options.k))
    let weights = kept.map { exp(($0.cosine - votes[0].cosine) / options.temperature) }
    return (0..<channels).map { channel in
      zip(weights, kept).reduce(0) { $0 + $1.0 * $1.1.map[channel] } / weights.reduce(0, +)
    }
  }
}

@Suite struct LabelPropagationTests {
  @Test(
    arguments: [(1, 1), (5, 7), (7, 5), (1, 40), (13, 11), (100, 3)],
    [(WindowShape.square, 2.0), (.circle, 3.5), (.openCircle, 2), (.square, 0)])
  func agreesWithTheDefinition(_ size: (Int, Int), _ shape: (WindowShape, Double)) throws {
    let grid = LineGrid(rows: size.0, columns: size.1)
    var options = TrackingOptions()
    (options.windowShape, options.window) = shape
    let all = try frames(4, grid, width: 19, channels: 3, seed: 7)
    let context = [
      ContextEntry(frame: all[0], isWindowed: false, copies: 1),
      ContextEntry(frame: all[1], isWindowed: true, copies: 3),
      ContextEntry(frame: all[2], isWindowed: true, copies: 1),
    ]
    for (k, keepsTies) in [(1, true), (4, false), (5, true), (1000, true)] {
      (options.k, options.keepTies) = (k, keepsTies)
      let found = try LabelPropagation(grid: grid, width: 19, options)(all[3].features, context, channels: 4)
      let wanted = naive(all[3].features, context, channels: 4, width: 19, options, grid)
      #expect(zip(found.values, wanted).allSatisfy { abs(Double($0) - $1) < 1e-3 })
    }
  }

  /// Every patch of every frame ties with every other, and with more than k.
  @Test func tiesVoteTogether() throws {
    let grid = LineGrid(rows: 3, columns: 4)
    let features = try Buffer((0..<24).map { $0 % 2 == 0 ? 0.6 : 0.8 })
    let maps = try [[Float](repeating: 1, count: 12), (0..<12).map { $0 < 3 ? 1 : 0 }].map { try Buffer($0) }
    let context = maps.map {
      ContextEntry(frame: TrackedFrame(features: features, maps: $0, channels: 1), isWindowed: true, copies: 1)
    }
    var options = TrackingOptions()
    options.k = 2
    var found = try LabelPropagation(grid: grid, width: 2, options)(features, context, channels: 1)
    #expect(found.values.allSatisfy { abs($0 - 15 / 24) < 1e-6 })
    options.keepTies = false
    found = try LabelPropagation(grid: grid, width: 2, options)(features, context, channels: 1)
    #expect(found.values.allSatisfy { $0 == 1 }, "the first two, of the first frame")
  }

  @Test func tiesFallBehindWhatIsLarger() throws {
    let context = try [Float](arrayLiteral: 0.1, 0.5, 0.9).map { share in
      ContextEntry(
        frame: TrackedFrame(features: try Buffer([1]), maps: try Buffer([share]), channels: 1), isWindowed: true,
        copies: 1)
    }
    let orders: [(similarities: [Float], places: [Int], wanted: Float)] = [
      ([0.5, 0.5, 0.5], [0, 1, 2], 0.5), ([0.5, 0.5, 0.7], [0, 1, 2], 0.9), ([0.7, 0.5, 0.5], [2, 0, 1], 0.9),
      ([0.5, 0.7, 0.7], [2, 0, 1], 0.3), ([0.3, 0.5, 0.4, 0.5], [1, 0, 1, 2], 0.5),
    ]
    for (similarities, places, wanted) in orders {
      let scratch = try Buffer(count: PatchVotes.scratchCount(patches: 1, k: 1, channels: 1))
      let votes = PatchVotes(scratch.pointer, patches: 1, k: 1, keepsTies: true, channels: 1)
      var map: Float = 0
      context.withUnsafeBufferPointer { context in
        for (similarity, place) in zip(similarities, places) where similarity >= votes.thresholds[0] {
          votes.offer(similarity, of: 0, PatchVotes.Place(entry: place, patch: 0), context)
        }
        votes.write(0, temperature: 0.1, context, to: &map)
      }
      #expect(abs(map - wanted) < 1e-6)
    }
  }

  @Test func threadsDoNotMatter() throws {
    let grid = LineGrid(rows: 40, columns: 31)
    let all = try frames(3, grid, width: 48, channels: 2, seed: 1)
    let context = all.dropLast().map { ContextEntry(frame: $0, isWindowed: true, copies: 1) }
    var found: [[Float]] = []
    try Machine.onEachThreadCount { _ in
      let maps = try LabelPropagation(grid: grid, width: 48, TrackingOptions())(all[2].features, context, channels: 2)
      found.append(Array(maps.values))
    }
    #expect(found[0] == found[1] && found[1] == found[2])
  }

  /// 350,000 patches: their affinities would take 490 GB for each frame of the context.
  @Test func memoryGrowsWithThePatches() throws {
    let grid = LineGrid(rows: 500, columns: 700)
    let features = try Buffer(count: grid.count * 4)
    let frame = TrackedFrame(features: features, maps: try Buffer(count: grid.count * 2), channels: 2)
    let context = (0..<8).map { ContextEntry(frame: frame, isWindowed: $0 > 0, copies: 1) }
    let propagation = LabelPropagation(grid: grid, width: 4, TrackingOptions())
    let peak = try DryRun.peakBytes { _ = try propagation(features, context, channels: 2) }
    #expect(peak < 100 * grid.count)
  }
}
