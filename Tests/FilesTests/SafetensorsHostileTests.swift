import Compute
import Glibc
import Files
import Testing

/// Files that somebody made to hurt, or that a disk spoilt: an error that says what is wrong, never a crash.
@Suite struct SafetensorsHostileTests {
  let directory = TemporaryDirectory()

  /// Two tensors, metadata, padding.
  private func smallFile() throws -> [UInt8] {
    var writer = SafetensorsWriter(metadata: ["a": "b"])
    try writer.add("x", shape: [2, 1], values: [1, 2])
    try writer.add("y.z", shape: [3], values: [3, 4, 5])
    try writer.write(to: directory.path + "/small")
    return directory.read("small")
  }

  /// Opens a file and reads whatever it says it has.
  private func readAll(_ bytes: [UInt8]) throws {
    let file = try SafetensorsFile(path: directory.write(bytes, to: "hostile"))
    for name in file.names { _ = try? file.floats(name) }
  }

  @Test func refusesEveryTruncation() throws {
    let bytes = try smallFile()
    try readAll(bytes)
    for count in 0..<bytes.count {
      #expect(throws: SafetensorsError.self, "\(count) bytes") { try readAll(Array(bytes[..<count])) }
    }
    #expect(throws: SafetensorsError.self) { try readAll(bytes + [0]) }
  }

  @Test func survivesEveryFlippedBitOfTheHeader() throws {
    let bytes = try smallFile()
    let headerEnd = bytes.count - 5 * 4
    var refused = 0
    for bit in 0..<(8 * headerEnd) {
      var flipped = bytes
      flipped[bit / 8] ^= 1 << UInt8(bit % 8)
      do { try readAll(flipped) } catch is SafetensorsError { refused += 1 }
    }
    // What is left spells another name or another text.
    #expect(refused > 8 * headerEnd / 2)
  }

  @Test func survivesManyFlippedBitsAndBytes() throws {
    let bytes = try smallFile()
    for round in 0..<3000 {
      let random = RandomStream(seed: 11, purpose: .shuffle, item: round)
      var spoilt = bytes
      for draw in 0..<(1 + round % 4) {
        spoilt[8 + random.integer(below: bytes.count - 28, at: 2 * draw)] = UInt8(
          truncatingIfNeeded: random.words(at: 2 * draw + 1).1)
      }
      do { try readAll(spoilt) } catch is SafetensorsError {}
    }
  }

  @Test(arguments: [
    // Not the format.
    "[]", "{", "{}{}", " {}", "null", #"{"x":1}"#, #"{"__metadata__":{"a":1}}"#, #"{"__metadata__":"a"}"#,
    // Members missing or of another kind.
    #"{"x":{"shape":[2],"data_offsets":[0,8]}}"#, #"{"x":{"dtype":"F32","data_offsets":[0,8]}}"#,
    #"{"x":{"dtype":"F32","shape":[2]}}"#, #"{"x":{"dtype":"F32","shape":2,"data_offsets":[0,8]}}"#,
    #"{"x":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}"#,
    #"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}"#,
    #"{"x":{"dtype":"F32","shape":[2],"data_offsets":[]}}"#,
    #"{"x":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}}"#, #"{"x":{"dtype":32,"shape":[2],"data_offsets":[0,8]}}"#,
    // Shapes.
    #"{"x":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#,
    #"{"x":{"dtype":"F32","shape":[-1,-2],"data_offsets":[0,8]}}"#,
    #"{"x":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#,
    #"{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}}"#,
    #"{"x":{"dtype":"F64","shape":[2],"data_offsets":[0,8]}}"#,
    #"{"x":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}"#,
    #"{"x":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,8]}}"#,
    #"{"x":{"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,8]}}"#,
    // Offsets.
    #"{"x":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#,
    #"{"x":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}"#,
    #"{"x":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#,
    #"{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
    #"{"x":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
    #"{"x":{"dtype":"F32","shape":[2],"data_offsets":[9223372036854775800,9223372036854775807]}}"#,
    #"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"y":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
    #"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"y":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
    #"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
    "{}",
  ])
  func refuses(_ header: String) {
    #expect(throws: SafetensorsError.self) {
      try readAll(safetensorsBytes(header, data: [UInt8](repeating: 0, count: 8)))
    }
  }

  @Test func saysWhichTensorIsWrong() {
    let path = directory.path + "/hostile"
    func open(_ shape: Int, _ end: Int) throws {
      let header = #"{"x":{"dtype":"F32","shape":[\#(shape)],"data_offsets":[0,\#(end)]}}"#
      try readAll(safetensorsBytes(header, data: [UInt8](repeating: 0, count: 8)))
    }
    #expect(throws: SafetensorsError.byteCount(path: path, tensor: "x", needed: 12, found: 8)) { try open(3, 8) }
    #expect(
      throws: SafetensorsError.offsets(path: path, tensor: "x", begin: 0, end: 12, wantedBegin: 0, dataBytes: 8)
    ) { try open(2, 12) }
  }

  /// Whatever is cut off a whole file, the message says so.
  @Test func saysThatAFileIsCutOff() throws {
    let header = #"{"x":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}"#
    let whole = safetensorsBytes(header, data: [UInt8](repeating: 0, count: 12))
    for size in 9..<whole.count {
      let error = #expect(throws: SafetensorsError.self) { try readAll(Array(whole[..<size])) }
      guard case .cutOff(_, _, size) = error else {
        Issue.record("\(size) bytes: \(error?.description ?? "")")
        continue
      }
    }
  }

  @Test(arguments: [
    ("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 86543210\n", "Git LFS pointer"),
    ("\r\n <!DOCTYPE HTML>\n<html><head>", "HTML"), ("<html lang=\"en\">", "HTML"), ("", "empty"),
    ("PK\u{3}\u{4}\u{14}", "zip archive"), ("GGUF and more", "GGUF"),
  ])
  func saysWhatElseAFileIs(_ content: String, _ what: String) {
    let error = #expect(throws: SafetensorsError.self) { try readAll(Array(content.utf8)) }
    #expect(error?.description.contains(what) == true, "\(error?.description ?? "")")
  }

  /// Names of eight million characters do not make a message of as many.
  @Test func messagesAreShort() throws {
    let long = String(repeating: "n", count: 8_000_000)
    for header in [
      #"{"\#(long)":{"dtype":"\#(long)","shape":[1],"data_offsets":[0,4]}}"#,
      #"{"\#(long)":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#,
      #"{"\#(long)":{"dtype":"F32","shape":[1],"data_offsets":[4]}}"#,
      #"{"\#(long)":1}"#, #"{"\#(long)":{},"\#(long)":{}}"#, #"{"x":\#(String(repeating: "1", count: 1_000_000))}"#,
    ] {
      let error = #expect(throws: SafetensorsError.self) { try readAll(safetensorsBytes(header, data: [0, 0, 0, 0])) }
      #expect((error?.description.count ?? .max) < 2000)
    }
  }

  /// A petabyte that is nothing but a hole, beyond any address space; file systems in memory have such files.
  @Test func refusesMoreThanMemoryHolds() throws {
    let header = #"{"x":{"dtype":"F32","shape":[281474976710656],"data_offsets":[0,1125899906842624]}}"#
    let start = safetensorsBytes(header, data: [])
    let shared = TemporaryDirectory(in: "/dev/shm")
    let path = shared.write(start, to: "hole")
    guard truncate(path, start.count + (1 << 50)) == 0 else { return }
    let file = try SafetensorsFile(path: path)
    #expect(throws: SafetensorsError.memory(tensor: "x", bytes: 1 << 50)) { try file.floats("x") }
  }

  @Test func acceptsWhatTheFormatAllows() throws {
    let header =
      #"{"y":{"dtype":"U8","shape":[],"data_offsets":[4,5]},"e":{"dtype":"F32","shape":[0,9],"data_offsets":[4,4]},"x":{"data_offsets":[0,4],"dtype":"F32","shape":[1,1,1]}}  "#
    let path = directory.write(safetensorsBytes(header, data: [0, 0, 0x80, 0x3F, 1]), to: "odd")
    let file = try SafetensorsFile(path: path)
    #expect(file.names == ["e", "x", "y"])
    #expect(try file.floats("x") == [1])
    #expect(try file.floats("e") == [])
    #expect(try SafetensorsFile(path: directory.write(safetensorsBytes("{}", data: []), to: "none")).names == [])
  }

  @Test(arguments: [UInt64(0), 1, 100_000_001, 1 << 62, 1 << 63, .max])
  func refusesHeaderLengths(_ length: UInt64) {
    let bytes = (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + Array("{}".utf8)
    #expect(throws: SafetensorsError.headerLength(path: directory.path + "/hostile", length: length, fileBytes: 10)) {
      try readAll(bytes)
    }
  }
}
