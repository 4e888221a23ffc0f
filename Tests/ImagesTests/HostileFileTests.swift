import Compute
import Testing

@testable import Images

/// Files that ask for much or are laid out as few programs do it. Tests/Fuzzing looks for more of them.
@Suite struct HostileFileTests {
  @Test func inksByPlanesAreMixedAsThoseByPixels() throws {
    let inks: [UInt8] = (0..<24).map { UInt8($0 * 37 % 256) }
    let planes = (0..<4).flatMap { ink in (0..<6).map { inks[4 * $0 + ink] } }
    let mixed = try decodeImage(
      HostileFile.tiff(HostileFile.tiffTags(height: 2, width: 3, channels: 4, photometric: 5), data: inks))
    let apart = try decodeImage(
      HostileFile.tiff(HostileFile.tiffTags(height: 2, width: 3, channels: 4, photometric: 5, plane: 6), data: planes))
    #expect(apart.bytes == mixed.bytes)
    #expect(mixed.bytes.map { Set($0).count > 6 } == true)
  }

  @Test func alphaIsNotTurnedWhereZeroIsWhite() throws {
    let tags = HostileFile.tiffTags(height: 1, width: 2, channels: 2, photometric: 0) + [(338, [2])]
    let image = try decodeImage(HostileFile.tiff(tags, data: [10, 255, 200, 7]), PixelConversion(channels: 2))
    #expect(image.bytes == [245, 255, 55, 7])
  }

  /// A thousand tiles of 160 KiB that all lie in the same bytes, for a picture of a kilobyte.
  @Test func tilesFarLargerThanThePictureAreRefused() {
    let tags = [
      (256, [1024]), (257, [1]), (258, [8]), (259, [1]), (262, [1]), (277, [1]), (322, [1]), (323, [160 << 10]),
      (324, [Int](repeating: 8, count: 1024)), (325, [Int](repeating: 4, count: 1024)),
    ]
    #expect(
      message { try decodeImage(HostileFile.tiff(tags, data: [1, 2, 3, 4])) }.contains("larger than the picture"))
  }

  @Test func missingStripsAreErrors() {
    var tags = HostileFile.tiffTags(height: 4, width: 2, channels: 1, photometric: 1)
    tags[5].values = [8, 10]
    tags[7].values = [1]
    tags[8].values = [2, 2]
    #expect(message { try decodeImage(HostileFile.tiff(tags, data: [1, 2, 3, 4])) }.contains("strip 2 is missing"))
  }

  @Test func jbigIsRefusedByName() {
    var tags = HostileFile.tiffTags(height: 1, width: 4, channels: 1, photometric: 1)
    tags[3].values = [34661]
    #expect(message { try decodeImage(HostileFile.tiff(tags, data: [1, 2, 3, 4])) }.contains("JBIG"))
  }

  @Test func headersOfNPYAreBounded() throws {
    let file = try fixture("formats/7x11x3_uint8.npy")
    let header = file[10..<(10 + Int(file[8]))]
    func padded(to length: Int) -> [UInt8] {
      let filling = [UInt8](repeating: 0x20, count: length - header.count)
      return file[..<6] + [1, 0, UInt8(length & 255), UInt8(length >> 8)] + header + filling + file[header.endIndex...]
    }
    #expect(try decodeImage(padded(to: 10000)).bytes == decodeImage(file).bytes)
    #expect(message { try decodeImage(padded(to: 10001)) }.contains("wanted at most 10000"))
  }

  /// A few more scans than a picture of this size may have.
  @Test func scansAreCountedAgainstThePicture() throws {
    #expect(try decodeImage(HostileFile.jpegOfScans(60, height: 64, width: 64)).height == 64)
    let many = HostileFile.jpegOfScans(70, height: 8000, width: 4000)
    #expect(message { try decodeImage(many) }.contains("more than 67 scans"))
  }

  /// libjpeg-turbo leaves half of a row unwritten where columns are left out of some of these.
  @Test(arguments: [[(2, 2), (1, 1), (1, 1)], [(4, 2), (1, 1), (1, 1)], [(2, 2), (1, 1), (4, 1)]], [false, true])
  func partsAreThoseOfTheWhole(sampling: [(Int, Int)], isProgressive: Bool) throws {
    let file = HostileFile.jpeg(height: 53, width: 331, sampling: sampling, isProgressive: isProgressive)
    let encoded = try EncodedImage(file)
    for reduction in encoded.reductions {
      let (height, width) = encoded.size(reduction: reduction)
      let all = PixelRectangle(top: 0, left: 0, height: height, width: width)
      let whole = try encoded.pixels(all, reduction: reduction)
      for left in stride(from: 1, to: width - 2, by: 3) {
        let part = PixelRectangle(top: height / 3, left: left, height: 2, width: 2)
        #expect(try encoded.pixels(part, reduction: reduction).allBytes == whole.cropped(to: part).allBytes, "\(part)")
      }
    }
  }
}
