import Compute
import Testing

@testable import Images

@Suite struct RegionTests {
  private static let files =
    ["rgb", "sharp", "progressive", "gray", "cmyk", "ycck"].map { $0 + ".jpg" }
    + (1...8).map { "orientation_\($0).jpg" }

  /// Random parts, decoded alone, are those of the whole picture to the last bit, at every reduction.
  @Test(arguments: files)
  func partsOfJPEGAreThoseOfTheWhole(name: String) throws {
    let encoded = try EncodedImage(fixture(name))
    let random = RandomStream(seed: 3, purpose: .views)
    for reduction in encoded.reductions {
      let whole = try encoded.pixels(reduction: reduction)
      for round in 0..<60 {
        func choice(_ count: Int, _ place: Int) -> Int { random.integer(below: count, at: round * 4 + place) }
        let (top, left) = (choice(whole.height, 0), choice(whole.width, 1))
        let part = PixelRectangle(
          top: top, left: left, height: 1 + choice(whole.height - top, 2), width: 1 + choice(whole.width - left, 3))
        #expect(
          try encoded.pixels(part, reduction: reduction).allBytes == whole.cropped(to: part).allBytes,
          "\(part) of a picture reduced by \(reduction)")
      }
    }
  }

  /// What is made of a file is the same whether it was decoded as a whole before or only the part that is needed.
  @Test func transformsDoNotDependOnWhatIsDecoded() throws {
    let file = try fixture("orientation_6.jpg")
    let encoded = try EncodedImage(file)
    let (whole, part) = (ImageSource.decoded(try encoded.pixels()), ImageSource.encoded(encoded))
    let crop = PixelRectangle(top: 2, left: 1, height: 9, width: 5)
    for box in [nil, SourceBox(top: 0.5, left: 1.25, bottom: 7.5, right: 4)] {
      let resampling = Resampling(
        height: 4, width: 6, normalization: .imageNet, crop: crop, box: box, isFlipped: box == nil)
      let (first, second) = (try Buffer(count: 72), try Buffer(count: 72))
      try resampling(whole, into: first.pointer)
      try resampling(part, into: second.pointer)
      #expect(Array(first.values) == Array(second.values))
    }
  }

  /// Reduced decoding is used only where the part is larger than the output, and has the mean of what it reduces.
  @Test func fastDecodingIsNear() throws {
    let source = ImageSource.encoded(try EncodedImage(fixture("sharp.jpg")))
    func made(_ side: Int, fastDecode: Bool) throws -> [Float] {
      let output = try Buffer(count: side * side * 3)
      try Resampling(height: side, width: side, normalization: .none(channels: 3), fastDecode: fastDecode)(
        source, into: output.pointer)
      return Array(output.values)
    }
    for side in [3, 7, 14] {
      let (exact, fast) = (try made(side, fastDecode: false), try made(side, fastDecode: true))
      #expect(exact != fast)
      let differences = zip(exact, fast).map { $0 - $1 }
      #expect(abs(differences.reduce(0, +)) / Float(differences.count) < 0.02)
    }
    #expect(try made(20, fastDecode: false) == made(20, fastDecode: true))
  }

  @Test func damageIsSeenTheFirstTimeWhereverItIs() throws {
    let folder = TemporaryFolder()
    let file = try fixture("rgb.jpg")
    folder.write("cut.jpg", Array(file.prefix(file.count - 40)))
    folder.write("whole.jpg", file)
    let dataset = try ImageFolder(path: folder.path, onError: .skip)
    let top = PixelRectangle(top: 0, left: 0, height: 2, width: 2)
    for _ in 0..<2 {
      #expect(try dataset.readable(at: 0) { source, _ in try source.pixels(top).width }.index == 1)
    }
    #expect(dataset.skipped == [0])
  }
}
