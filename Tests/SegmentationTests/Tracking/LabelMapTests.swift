import Compute
import Testing

@testable import Segmentation

@Suite struct LabelMapTests {
  @Test func masksShrinkAndGrowByTheCenter() throws {
    // Sixteen columns to two: centres at 4 and 12, which lie in pixels 4 and 12.
    var channels = ObjectChannels()
    let labels = (0..<16).map { UInt8($0 == 4 ? 9 : $0 == 12 ? 255 : $0 == 3 ? 7 : 0) }
    channels.add(labels)
    #expect(channels.objects == [7, 9] && channels.labels == [0, 7, 9] && channels[255] == 0)
    let grid = LineGrid(rows: 1, columns: 2)
    let frame = FrameSize(height: 1, width: 16)
    #expect(Array(try labelMaps(labels, frame, channels, grid: grid, .nearest).values) == [0, 0, 1, 1, 0, 0])
    #expect(Array(try labelMaps(labels, frame, channels, grid: grid, .bilinear).values) == [0, 0.5, 0.5, 1, 0, 0])
  }

  @Test func largestMapWins() throws {
    let grid = LineGrid(rows: 1, columns: 2)
    let maps = try Buffer([0.9, 0.1, 0.6, 0.4])
    func labels(_ upsampling: TrackUpsampling, rescales: Bool) throws -> [UInt8] {
      try TrackedLabels(
        grid: grid, frame: FrameSize(height: 1, width: 4), network: FrameSize(height: 2, width: 8),
        upsampling: upsampling, rescales: rescales)(maps, labels: [0, 5])
    }
    for upsampling in TrackUpsampling.allCases {
      #expect(try labels(upsampling, rescales: false) == [0, 0, 0, 0])
      #expect(try labels(upsampling, rescales: true) == [0, 0, 5, 5])
    }
  }

  /// A map that is the same everywhere says nothing: it neither divides by zero nor wins.
  @Test func constantMapsDoNotWin() throws {
    let maps = try Buffer([0.5, 0.3, 0.2, 0.6, 0.3, 0.1])
    let found = try TrackedLabels(
      grid: LineGrid(rows: 2, columns: 1), frame: FrameSize(height: 2, width: 1),
      network: FrameSize(height: 2, width: 1), upsampling: .nearest, rescales: true)(maps, labels: [0, 3, 4])
    #expect(found == [4, 0])
  }
}
