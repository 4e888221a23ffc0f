import Compute
import Testing

@testable import Images

@Suite struct JPEGTests {
  @Test(arguments: ["rgb", "sharp", "progressive", "gray", "cmyk", "ycck"])
  func decodesWhatPillowDecodes(name: String) throws {
    let image = try decodeImage(fixture(name + ".jpg"))
    #expect([image.height, image.width, image.channels] == [29, 37, 3])
    #expect(try image.bytes == fixture(name + ".rgb"))
  }

  @Test(arguments: 1...8)
  func turnsUpright(orientation: Int) throws {
    let image = try decodeImage(fixture("orientation_\(orientation).jpg"))
    #expect([image.height, image.width] == (orientation < 5 ? [9, 13] : [13, 9]))
    #expect(try image.bytes == fixture("orientation_\(orientation).rgb"))
  }

  @Test func readsBigEndianOrientation() throws {
    let stored = try fixture("orientation_1.jpg")
    // Pillow writes big-endian EXIF: the same entry rewritten little-endian must mean the same.
    let tiff: [UInt8] = [0x49, 0x49, 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0]
    let segment: [UInt8] = [0xFF, 0xE1, 0, UInt8(8 + tiff.count)] + Array("Exif\0\0".utf8) + tiff
    let file = [0xFF, 0xD8] + segment + stored.dropFirst(2)
    #expect(try EncodedImage(Array(file)).width == 9)
    for length in 0..<segment.count { _ = try? EncodedImage(Array(file.prefix(2 + length))) }
  }

  @Test(arguments: ["rgb", "progressive", "gray", "cmyk"])
  func truncatedFilesAreErrors(name: String) throws {
    let file = try fixture(name + ".jpg")
    for length in Array(stride(from: 0, to: file.count, by: 100)) + [file.count - 2, file.count - 1] {
      #expect(throws: ImageFileError.self, "the first \(length) bytes") { try decodeImage(Array(file.prefix(length))) }
    }
  }

  @Test func damagedFilesNeverCrash() throws {
    let file = try fixture("rgb.jpg")
    let random = RandomStream(seed: 1, purpose: .views)
    for round in 0..<500 {
      var damaged = file
      for change in 0..<4 {
        damaged[random.integer(below: file.count, at: round * 8 + change)] =
          UInt8(random.integer(below: 256, at: round * 8 + 4 + change))
      }
      // Most are errors, some damage cannot be seen; none may take the process down.
      if let image = try? decodeImage(damaged) { #expect(image.channels == 3) }
    }
    for length in [1, 2, 3, 4, 100, 5000] {
      let noise = (0..<length).map { UInt8(random.integer(below: 256, at: 100_000 + $0)) }
      #expect(throws: ImageFileError.self) { try decodeImage(noise) }
      #expect(throws: ImageFileError.self) { try decodeImage([0xFF, 0xD8, 0xFF] + noise) }
    }
  }

  @Test func hugeDimensionsAreRefusedBeforeMemoryIsTaken() throws {
    var file = try fixture("rgb.jpg")
    let frame = try #require(file.indices.first { file[$0] == 0xFF && file[$0 + 1] == 0xC0 })
    for offset in 5...8 { file[frame + offset] = 0xFA }
    #expect(throws: ImageFileError.tooLarge(width: 0xFAFA, height: 0xFAFA, most: 1 << 28)) { try decodeImage(file) }
    #expect(message { try decodeImage(file) }.contains("64250×64250"))
  }

  /// A header that says 16,000 × 16,000 pixels in several scans: putting them together would take 1.5 GB beside the
  /// pixels.
  @Test func scansThatTakeTooMuchMemoryAreRefused() throws {
    var file = try fixture("progressive.jpg")
    let frame = try #require(file.indices.first { file[$0] == 0xFF && file[$0 + 1] == 0xC2 })
    for (offset, byte) in zip(5...8, [0x3E, 0x80, 0x3E, 0x80] as [UInt8]) { file[frame + offset] = byte }
    #expect(message { try decodeImage(file) }.contains("more than 512 MiB"))
  }

  @Test func saysWhatOtherFilesAre() {
    #expect(throws: ImageFileError.empty) { try decodeImage([]) }
    #expect(message { try decodeImage(Array("GIF89a".utf8)) } == "it looks like GIF, wanted \(ImageCodec.names)")
    #expect(message { try decodeImage([0, 0, 0, 32] + Array("ftypavif".utf8)) }.contains("AVIF"))
    #expect(message { try decodeImage([1, 2, 3]) }.contains("no image"))
    #expect(message { try decodeImage(Array("version https://git-lfs.github.com/spec/v1".utf8)) }.contains("Git LFS"))
    #expect(ImageCodec.names.hasPrefix("JPEG, PNG, "))
    #expect(ImageCodec.names.hasSuffix(" or \(ImageCodec.all.map(\.name).last ?? "")"))
  }
}
