import Compute
import Files
import TestSupport
import Testing

@testable import Images

/// What timm and torchvision make of a picture: see Fixtures/make_operations.py.
@Suite struct OperationTests {
  private let fixture: JSONCursor
  private let fill: [UInt8] = [124, 116, 104]

  init() throws {
    let folder = "/" + #filePath.split(separator: "/").dropLast().joined(separator: "/")
    let bytes = try ReadableFile(path: folder + "/Fixtures/operations.json").contents()
    fixture = JSONCursor(try JSONValue(parsing: bytes, source: "fixture"), source: "fixture")
  }

  private func bytes(_ place: JSONCursor) throws -> [UInt8] {
    let digits = Array(try place.string().utf8)
    func value(_ digit: UInt8) -> UInt8 { digit < 58 ? digit - 48 : digit - 87 }
    return stride(from: 0, to: digits.count, by: 2).map { value(digits[$0]) << 4 | value(digits[$0 + 1]) }
  }

  private func picture(_ mode: String) throws -> Levels {
    try Levels(
      bytes: bytes(fixture.member(mode == "L" ? "grey" : "colour")), height: fixture.member("height").int(),
      width: fixture.member("width").int(), channels: mode == "L" ? 1 : 3)
  }

  private func expectSame(_ found: [UInt8], _ wanted: [UInt8], _ what: String) {
    let worst = zip(found, wanted).map { abs(Int($0) - Int($1)) }.max() ?? 0
    #expect(found == wanted, "\(what): up to \(worst) levels apart")
  }

  @Test func allFifteenAreTimms() throws {
    var kinds: Set<String> = []
    for item in try fixture.member("cases").elements() {
      let (name, mode) = (try item.member("kind").string(), try item.member("mode").string())
      let kind = try #require(RandAugment.Kind(rawValue: name))
      let sampling = try #require(ImageOperation.Sampling(rawValue: item.member("sampling").string()))
      let (magnitude, isNegative) = (try item.member("magnitude").double(), try item.member("negative").bool())
      let levels = try picture(mode)
      let operation = kind.operation(magnitude / 10, isNegative: isNegative, sampling)
      try levels.apply(operation, fill: mode == "L" ? [124] : fill)
      expectSame(levels.bytes, try bytes(item.member("levels")), "\(operation), \(mode)")
      kinds.insert(name)
    }
    #expect(kinds.count == 15)
  }

  @Test func hueGreyAndSolariseAreTorchvisions() throws {
    for pair in try fixture.member("others").elements() {
      let parts = try pair.elements()
      let name = try parts[0].string()
      let turn = name.hasPrefix("hue ") ? Double(name.dropFirst(4)) : nil
      let operation: ImageOperation =
        turn.map { .hue($0) } ?? (name == "gray" ? .gray : .solarize(threshold: 128))
      let levels = try picture("RGB")
      try levels.apply(operation, fill: fill)
      expectSame(levels.bytes, try bytes(parts[1]), name)
    }
  }

  /// timm's mapping at the ends: no bit is left of a posterised image.
  @Test func theStrongestAndTheWeakest() throws {
    let levels = try picture("RGB")
    try levels.apply(RandAugment.Kind.posterize.operation(1, isNegative: false, .bilinear), fill: fill)
    #expect(levels.bytes.allSatisfy { $0 == 0 })
    let before = try picture("RGB").bytes
    for kind in RandAugment.Kind.allCases where ![.autoContrast, .equalize, .invert, .posterize].contains(kind) {
      let levels = try picture("RGB")
      try levels.apply(kind.operation(0, isNegative: false, .bicubic), fill: fill)
      #expect(levels.bytes == before, "\(kind)")
    }
  }

  @Test func levelsGoThroughNormalisation() throws {
    let levels = try picture("RGB")
    var values = [Float](repeating: 0, count: levels.count)
    try values.withUnsafeMutableBufferPointer { values in
      let start = try #require(values.baseAddress)
      levels.write(to: start, .imageNet)
      let again = try Levels(start, height: levels.height, width: levels.width, channels: 3, .imageNet)
      #expect(again.bytes == levels.bytes)
    }
    #expect(throws: ImageError.self) { try Levels(bytes: [1, 2], height: 1, width: 1, channels: 2) }
    #expect(throws: ImageError.self) { try levels.apply(.invert, fill: [1]) }
  }
}

@Suite struct RandomOperationTests {
  private func stream(_ item: Int) -> RandomStream { RandomStream(seed: 3, purpose: .operations, item: item) }

  /// Two operations, each half the time: counts within 5 standard deviations of the binomial ones.
  @Test func randAugmentDrawsAsItsNameSays() throws {
    let draws = (0..<4000).map { RandAugment.standard.sample(stream($0)) }
    let counts = (0...2).map { count in Double(draws.count { $0.count == count }) }
    for (found, share) in zip(counts, [0.25, 0.5, 0.25]) {
      #expect(abs(found - 4000 * share) < 5 * (4000 * share * (1 - share)).squareRoot())
    }
    var angles: [Double] = []
    var kinds: [String: Int] = [:]
    for operation in draws.joined() {
      kinds[String("\(operation)".prefix { $0 != "(" }), default: 0] += 1
      if case .rotate(let degrees, _) = operation { angles.append(degrees) }
    }
    #expect(kinds.count == 15)
    for (kind, count) in kinds {
      let wanted = 4000.0 / 15
      #expect(abs(Double(count) - wanted) < 5 * wanted.squareRoot(), "\(kind)")
    }
    // Magnitude 9 ± 0.5 of 10, at most 10: 27° ± 1.5°, either way.
    #expect(angles.contains { $0 < 0 } && angles.contains { $0 > 0 } && angles.allSatisfy { abs($0) <= 30 })
    let mean = angles.reduce(0) { $0 + abs($1) } / Double(angles.count)
    #expect(abs(mean - 26.99) < 5 * 1.5 / Double(angles.count).squareRoot())
  }

  @Test func recoloringDrawsWithinItsRanges() throws {
    let recoloring = Recoloring()
    try recoloring.check()
    let draws = (0..<3000).map { recoloring.sample(stream($0)) }
    func share(_ isCounted: ([ImageOperation]) -> Bool) -> Double { Double(draws.count(where: isCounted)) / 3000 }
    let margin = 5 * (0.25 / 3000).squareRoot()
    #expect(abs(share { $0.contains { if case .hue = $0 { true } else { false } } } - 0.8) < margin)
    #expect(abs(share { $0.contains(.gray) } - 0.2) < margin)
    #expect(abs(share { $0.contains(.solarize(threshold: 128)) } - 0.2) < margin)
    for operation in draws.joined() {
      switch operation {
      case .brightness(let factor), .contrast(let factor), .color(let factor): #expect(0.6...1.4 ~= factor)
      case .hue(let turn): #expect(-0.1...0.1 ~= turn)
      default: break
      }
    }
    #expect(Set(draws.compactMap { $0.first.map { "\($0)".prefix(3) } }).count >= 4)
    var wrong = Recoloring()
    wrong.hue = 0.6
    #expect(throws: ImageError.self) { try wrong.check() }
    #expect(throws: ImageError.self) { try RandAugment(magnitude: 11) }
    #expect(throws: ImageError.self) { try RandomErasing(probability: -1) }
  }

  @Test func erasedPartsAreNoise() throws {
    let erasing = try RandomErasing(probability: 0.25)
    let parts = (0..<2000).map { erasing.sample(height: 40, width: 30, stream($0)) }
    #expect(abs(Double(parts.count { $0 != nil }) - 500) < 5 * (2000 * 0.25 * 0.75).squareRoot())
    for part in parts.compactMap({ $0?.box }) {
      let (area, ratio) = (Double(part.height * part.width) / 1200, Double(part.height) / Double(part.width))
      // Sides are rounded by up to half a pixel.
      #expect(0.01...0.36 ~= area && 0.2...5 ~= ratio && part.top + part.height <= 40 && part.left + part.width <= 30)
    }
    let part = try #require(parts.compactMap { $0 }.max { $0.box.height * $0.box.width < $1.box.height * $1.box.width })
    var values = [Float](repeating: 7, count: 40 * 30 * 3)
    values.withUnsafeMutableBufferPointer { if let start = $0.baseAddress { part.fill(start, width: 30, channels: 3) } }
    let noise = values.filter { $0 != 7 }.map(Double.init)
    #expect(noise.count == part.box.height * part.box.width * 3)
    let (mean, square) = noise.reduce((0, 0)) { ($0.0 + $1, $0.1 + $1 * $1) }
    let count = Double(noise.count)
    #expect(abs(mean / count) < 5 / count.squareRoot() && abs(square / count - 1) < 5 * (2 / count).squareRoot())
  }

  /// The loader's crop is the plain crop with the operations and the erased part of its image.
  @Test func cropsAreAugmented() throws {
    let image = try Image(bytes: (0..<2700).map { UInt8($0 * 7 % 256) }, height: 30, width: 30, channels: 3)
    var augmentation = try Augmentation(height: 16, width: 16)
    augmentation.levels = try RandAugment(count: 2, probability: 1)
    augmentation.erasing = try RandomErasing(probability: 1)
    let parameters = try augmentation.sample(height: 30, width: 30, seed: 5, epoch: 2, index: 4)
    #expect(parameters.operations.count == 2 && parameters.erased != nil)
    var plain = parameters
    (plain.operations, plain.erased) = ([], nil)
    func crop(_ parameters: CropParameters) throws -> Buffer {
      let crop = try Buffer(count: 16 * 16 * 3)
      try augmentation.apply(parameters, to: .decoded(image), into: crop.pointer)
      return crop
    }
    let wanted = try crop(plain)
    let levels = try Levels(wanted.pointer, height: 16, width: 16, channels: 3, .imageNet)
    for operation in parameters.operations { try levels.apply(operation, fill: [124, 116, 104]) }
    levels.write(to: wanted.pointer, .imageNet)
    parameters.erased?.fill(wanted.pointer, width: 16, channels: 3)
    #expect(try Array(crop(parameters).values) == Array(wanted.values))
    #expect(try Array(crop(plain).values) != Array(wanted.values))
  }
}
