import Compute
import Files
import Testing

@testable import Images

@Suite struct LabelFileTests {
  private func map(_ labels: [Int32], width: Int) throws -> LabelMap {
    try LabelMap(height: labels.count / width, width: width, labels: labels)
  }

  @Test(arguments: [[0, 1, 2, 20, 255, 0], [0, 0, 0, 0, 0, 0], [1, 0, 1, 0, 1, 0], [255, 254, 253, 252, 251, 250]])
  func survive(_ labels: [Int32]) throws {
    for width in [1, 2, 3, 6] {
      let file = try encodeLabels(map(labels, width: width))
      #expect(file[24] == 8 && file[25] == 3, "8 bits and a palette")
      #expect(try decodeLabels(file) == map(labels, width: width))
    }
  }

  @Test func allLabels() throws {
    let all = try map((0..<65536).map { Int32($0 % 256) }, width: 256)
    #expect(try decodeLabels(encodeLabels(all)) == all)
  }

  @Test func areWrittenWholeAndOnlyAsPNG() throws {
    let folder = TemporaryFolder()
    let path = folder.path + "/a.png"
    try saveLabels(map([0, 7], width: 2), to: path)
    #expect(try loadLabels(path).labels == [0, 7])
    #expect(message { try saveLabels(map([0, 256], width: 2), to: path) }.contains("column 1 is 256, wanted 0 … 255"))
    #expect(try loadLabels(path).labels == [0, 7], "what was there stays")
    #expect(message { try saveLabels(map([0, 1], width: 2), to: folder.path + "/a.gif") }.contains("ends in .png"))
    #expect(throws: FileError.self) { try saveLabels(map([0], width: 1), to: folder.path + "/none/a.png") }
    #expect(throws: ImageError.self) { try LabelMap(height: 2, width: 2, labels: [1, 2, 3]) }
  }

  /// Files of every format and kind: labels are the file's own numbers, or there are none.
  @Test(arguments: FormatTests.outcomes)
  func areTheFilesOwnNumbers(outcome: FormatTests.Outcome) throws {
    let file = try fixture("formats/" + outcome.name)
    guard let labels = try? decodeLabels(file) else { return }
    let kinds = ["pgm", "png", "tif", "npy", "jpg"]
    #expect(kinds.contains { outcome.name.hasSuffix($0) })
    // One channel of 8 or 16 bits: the picture's numbers, but where those are scaled or looked up.
    if outcome.name.contains("palette") || outcome.name.contains("one_bit") || outcome.name == "fifteen.pgm" { return }
    if let image = try? decodeImage(file, PixelConversion(channels: 1)), outcome.name != "turned.png" {
      let numbers = image.bytes.map { $0.map(Int32.init) } ?? image.words?.map { Int32($0) }
      if image.element != .float32 { #expect(numbers == labels.labels) }
    }
  }

  @Test func severalKindsAreRead() throws {
    for name in ["gray.png", "gray16.png", "palette.png", "one_bit.png", "gray.pgm", "fifteen.pgm", "lzw.tif"] {
      guard let file = try? fixture("formats/" + name) else { continue }
      let problem = message { try decodeLabels(file) }
      #expect(problem.isEmpty || problem.contains("holds no labels"), "\(name): \(problem)")
    }
    #expect(try decodeLabels(fixture("formats/fifteen.pgm")).labels.allSatisfy { 0...15 ~= $0 })
    #expect(try decodeLabels(fixture("formats/one_bit.png")).labels.allSatisfy { 0...1 ~= $0 })
    #expect(try decodeLabels(fixture("formats/palette.png")).labels.count > 0)
    for name in ["rgb.png", "gray_alpha.png", "gray.jpg", "rgb.webp", "white_is_zero.tif", "twelve_bits.tif"] {
      guard let file = try? fixture("formats/" + name) else { continue }
      #expect(message { try decodeLabels(file) }.contains("holds no labels"), "\(name)")
    }
  }

  /// Files that are cut, and files with bytes changed at random: an error or labels, nothing else.
  @Test(arguments: ["palette.png", "gray16.png", "one_bit.png", "interlaced.png", "gray.pgm", "int64.npy", "lzw.tif"])
  func damageIsNoTrap(_ name: String) throws {
    let file = try fixture("formats/" + name)
    for count in 0..<file.count { _ = try? decodeLabels(Array(file[..<count])) }
    let random = RandomStream(seed: 13, purpose: .shuffle)
    for trial in 0..<500 {
      var changed = file
      for byte in 0..<3 {
        changed[random.integer(below: file.count, at: 8 * trial + byte)] = UInt8(
          random.integer(below: 256, at: 8 * trial + byte + 4))
      }
      _ = try? decodeLabels(changed)
    }
  }
}
