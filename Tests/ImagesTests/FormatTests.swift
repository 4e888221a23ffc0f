import Compute
import Files
import Testing

@testable import Images

/// Files of every format and kind, made by Fixtures/make_formats.py with what they must be read as.
@Suite struct FormatTests {
  struct Outcome: Sendable, CustomTestStringConvertible {
    let name: String
    let expected: JSONCursor
    var testDescription: String { name }

    func integer(_ key: String) throws -> Int { try expected.member(key).int() }
    var error: String? { (try? expected.optionalMember("error")?.string()) ?? nil }
  }

  static let outcomes: [Outcome] = {
    let path = "formats/outcomes.json"
    guard let bytes = try? fixture(path), let json = try? JSONValue(parsing: bytes, source: path) else { return [] }
    let files = JSONCursor(json, source: path)
    return ((try? files.keys()) ?? []).compactMap { name in
      (try? files.member(name)).map { Outcome(name: name, expected: $0) }
    }
  }()

  private func read(_ outcome: Outcome) throws -> Image {
    let conversion = try PixelConversion(channels: outcome.integer("channels"))
    return try decodeImage(fixture("formats/" + outcome.name), conversion)
  }

  @Test func thereAreFiles() { #expect(Self.outcomes.count > 70) }

  @Test(arguments: outcomes)
  func isReadAsItWasWritten(outcome: Outcome) throws {
    if let problem = outcome.error {
      #expect(message { try read(outcome) }.contains(problem))
      return
    }
    let image = try read(outcome)
    let expected = try outcome.expected.member("values").elements().map { try $0.double() }
    let shape = try outcome.expected.member("shape").elements().map { try $0.int() }
    try #require([image.height, image.width, image.channels] == shape)
    var values = [Float](repeating: 0, count: expected.count)
    image.copyFloats(to: &values)
    let largest = zip(values, expected).map { abs(Double($0) - $1) }.max() ?? 1
    #expect(try largest <= max(outcome.expected.member("tolerance").double(), 2e-7), "off by \(largest)")
  }

  /// A part of a file is the same part of the whole picture, upright.
  @Test(arguments: outcomes.filter { $0.error == nil })
  func partsAreThoseOfTheWhole(outcome: Outcome) throws {
    let encoded = try EncodedImage(
      fixture("formats/" + outcome.name), PixelConversion(channels: outcome.integer("channels")))
    let whole = try encoded.pixels()
    for (top, left, height, width) in [(0, 0, 1, 1), (2, 3, 3, 4), (0, 2, whole.height, 2), (3, 0, 1, whole.width)] {
      let part = PixelRectangle(top: top, left: left, height: height, width: width)
      #expect(try encoded.pixels(part).allBytes == whole.cropped(to: part).allBytes, "\(part)")
    }
    #expect(throws: ImageError.self) {
      try encoded.pixels(PixelRectangle(top: 0, left: 0, height: whole.height + 1, width: 1))
    }
  }

  /// Every file cut at every length, and with bytes changed: an error or pixels, never a crash.
  @Test(arguments: outcomes)
  func damagedFilesAreErrorsOrPictures(outcome: Outcome) throws {
    let file = try fixture("formats/" + outcome.name)
    let conversion = try PixelConversion(channels: outcome.integer("channels"))
    for length in stride(from: 0, to: file.count, by: max(file.count / 97, 1)) {
      _ = try? decodeImage(Array(file.prefix(length)), conversion)
    }
    let random = RandomStream(seed: 7, purpose: .views)
    for round in 0..<100 {
      var damaged = file
      for change in 0..<3 {
        damaged[random.integer(below: min(file.count, 400), at: round * 8 + change)] =
          UInt8(random.integer(below: 256, at: round * 8 + 4 + change))
      }
      _ = try? decodeImage(damaged, conversion)
    }
  }

  @Test func transparencyShowsTheBackground() throws {
    let file = try fixture("formats/rgba.png")
    let rgba = try #require(try decodeImage(file, PixelConversion(channels: 4)).bytes)
    let green = try #require(try decodeImage(file, PixelConversion(background: [0, 1, 0])).bytes)
    for pixel in 0..<(rgba.count / 4) {
      let alpha = Int(rgba[4 * pixel + 3])
      for channel in 0..<3 {
        let sum = Int(rgba[4 * pixel + channel]) * alpha + (channel == 1 ? 255 : 0) * (255 - alpha)
        #expect(Int(green[3 * pixel + channel]) == (sum + 127) / 255)
      }
    }
    #expect(throws: ImageError.self) { try PixelConversion(background: [2]) }
    #expect(throws: ImageError.self) { try PixelConversion(channels: 0) }
  }
}

extension Image {
  /// The elements' bytes.
  var allBytes: [UInt8] {
    (0..<height).flatMap { y in
      Array(UnsafeRawBufferPointer(start: start + y * rowBytes, count: width * channels * element.stride))
    }
  }
}
