import Testing

@testable import Files

@Suite struct SafetensorsFileTests {
  @Test func readsWhatThePythonPackageWrote() throws {
    let file = try SafetensorsFile(path: fixturePath("python.safetensors"))
    #expect(
      file.names == ["brain", "counter", "double", "empty", "encoder.norm.weight", "half", "mask", "scalar"])
    #expect(file.metadata == ["format": "np", "städte": "a \"b\"\n\\"])
    let expected = JSONCursor(
      try JSONValue(parsing: ReadableFile(path: fixturePath("python_safetensors.json")).contents(), source: "fixture"),
      source: "fixture")
    for name in try expected.keys() {
      let tensor = try expected.member(name)
      #expect(try file.shape(of: name) == tensor.member("shape").elements().map { try $0.int() })
      #expect(
        try file.floats(name).map { Int($0.bitPattern) } == tensor.member("bits").elements().map { try $0.int() },
        "\(name)")
    }
    #expect(try file.type(of: "counter") == .i64)
  }

  @Test func refusesWhatIsNotThere() throws {
    let path = fixturePath("python.safetensors")
    let file = try SafetensorsFile(path: path)
    #expect(throws: SafetensorsError.missing(path: path, tensor: "nose")) { try file.shape(of: "nose") }
    #expect(throws: SafetensorsError.notFloating(path: path, tensor: "mask", type: "BOOL")) { try file.floats("mask") }
    var few: [Float] = [0, 0]
    #expect(throws: SafetensorsError.count(tensor: "half", shape: [7], count: 2)) {
      try few.withUnsafeMutableBufferPointer { try file.read("half", into: $0) }
    }
    #expect(!file.contains("nose") && file.contains("half"))
  }

  @Test func everyHalfIsExact() {
    let wrong = (UInt16.min ... .max).filter { bits in
      let (expected, found) = (Float(Float16(bitPattern: bits)), floatFromHalf(bits))
      return found.bitPattern != expected.bitPattern && !(found.isNaN && expected.isNaN)
    }
    #expect(wrong == [])
  }

  @Test func convertsInPieces() throws {
    let directory = TemporaryDirectory()
    let count = 65536 + 3
    let data = (0..<count).flatMap { [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)] }
    let header = #"{"x":{"dtype":"BF16","shape":[65539],"data_offsets":[0,131078]}}"#
    let path = directory.write(safetensorsBytes(header, data: data), to: "x")
    let values = try SafetensorsFile(path: path).floats("x")
    #expect(values.map(\.bitPattern) == (0..<count).map { UInt32($0 & 0xFFFF) << 16 })
  }
}
