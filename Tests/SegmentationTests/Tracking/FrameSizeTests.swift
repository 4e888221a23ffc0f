import LatentMIM
import Testing

@testable import Segmentation

@Suite struct FrameSizeTests {
  /// Preset, frame, patch size, size of the network.
  @Test(arguments: [
    ("dino", (480, 854), 16, (480, 832)), ("dino", (480, 854), 8, (480, 832)), ("dino", (480, 854), 14, (476, 840)),
    ("dino", (854, 480), 16, (832, 480)), ("dino", (1080, 1920), 16, (480, 832)), ("dino", (7, 7), 16, (480, 448)),
    ("dino", (480, 854), 100, (400, 700)), ("videowalk", (480, 854), 16, (480, 848)),
    ("videowalk", (480, 854), 14, (476, 840)), ("videowalk", (854, 480), 16, (480, 272)),
    ("cropmae", (480, 854), 16, (480, 880)), ("cropmae", (854, 480), 14, (476, 882)),
    ("dinov3", (480, 854), 16, (960, 1712)), ("dinov3", (854, 480), 14, (1722, 966)),
    ("dinov3", (960, 961), 16, (960, 976)),
  ])
  func followsThePreset(_ name: String, _ frame: (Int, Int), _ patch: Int, _ network: (Int, Int)) throws {
    let options = try TrackingPreset(named: name, option: "preset").options(for: ModelConfiguration())
    let found = options.networkSize(of: FrameSize(height: frame.0, width: frame.1), patchSize: patch)
    #expect(found == FrameSize(height: network.0, width: network.1))
  }

  @Test func aSideIsNeverEmpty() {
    var options = TrackingOptions()
    for rounding in SideRounding.allCases {
      (options.side, options.rounding) = (1, rounding)
      let found = options.networkSize(of: FrameSize(height: 1 << 24, width: 1), patchSize: 16)
      #expect(found.width == 16 && found.height == 1 << 28)
    }
  }
}
