import Compute
import Glibc
import Files
import Testing

@Suite struct SafetensorsWriterTests {
  let directory = TemporaryDirectory()

  @Test func writesTheFormatByteForByte() throws {
    var writer = SafetensorsWriter(metadata: ["k": "v"])
    let borrowed: [Float] = [1, -2]
    try borrowed.withUnsafeBufferPointer { values in
      try writer.add("w.b", shape: [2], values: values)
      try writer.add("a", shape: [], values: [0.5])
      try writer.add("none", shape: [3, 0], values: [])
      try writer.write(to: directory.path + "/x.safetensors")
    }
    let header =
      #"{"__metadata__":{"k":"v"},"a":{"data_offsets":[0,4],"dtype":"F32","shape":[]},"#
      + #""none":{"data_offsets":[4,4],"dtype":"F32","shape":[3,0]},"#
      + #""w.b":{"data_offsets":[4,12],"dtype":"F32","shape":[2]}}"#
    let padded = header + String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
    let data: [UInt8] = [0, 0, 0, 0x3F, 0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0]
    #expect(directory.read("x.safetensors") == safetensorsBytes(padded, data: data))
    #expect(directory.names == ["x.safetensors"])
  }

  @Test func readsItsOwnFilesBitForBit() throws {
    let path = directory.path + "/own"
    let values = (0..<177).map { Float(bitPattern: UInt32($0) &* 0x9E37_79B9) }
    var writer = SafetensorsWriter(metadata: ["text": "ü \"\n"])
    try writer.add("é", shape: [3, 59], values: values)
    try writer.write(to: path)
    try writer.write(to: path)
    let file = try SafetensorsFile(path: path)
    #expect(file.metadata == writer.metadata)
    #expect(try file.shape(of: "é") == [3, 59])
    #expect(try file.floats("é").map(\.bitPattern) == values.map(\.bitPattern))
  }

  @Test func refusesWhatItCannotWrite() throws {
    var writer = SafetensorsWriter()
    try writer.add("x", shape: [2], values: [1, 2])
    #expect(throws: SafetensorsError.name("x")) { try writer.add("x", shape: [2], values: [1, 2]) }
    #expect(throws: SafetensorsError.name("__metadata__")) { try writer.add("__metadata__", shape: [0], values: []) }
    for shape in [[3], [-2, -1], [], [.max, 4], [1 << 62, 0]] {
      #expect(throws: SafetensorsError.count(tensor: "y", shape: shape, count: 2)) {
        try writer.add("y", shape: shape, values: [1, 2])
      }
    }
    // An impossible length beside a zero: the product is zero, and nothing may overflow on the way.
    try writer.add("hollow", shape: [1 << 62, 0], values: [])
    try writer.write(to: directory.path + "/hollow")
    #expect(try SafetensorsFile(path: directory.path + "/hollow").shape(of: "hollow") == [1 << 62, 0])
  }

  @Test func leavesTheOldFileWhenTheDirectoryIsGone() throws {
    let path = directory.path + "/missing/x"
    #expect(throws: FileError.refused(operation: "create", path: path.filePath, code: ENOENT)) {
      try SafetensorsWriter().write(to: path)
    }
  }
}
