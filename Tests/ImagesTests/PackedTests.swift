import Compute
import Files
import Testing

@testable import Images

/// A packed file put together by hand, so that each part can be wrong.
private struct Parts {
  var files: [[UInt8]]
  var names = ["a/1.jpg", "a/2.jpg", "b/3.jpg"]
  var labels: [Int64]? = [0, 0, 1]
  var classes = ["a", "b"]
  var offsets: [Int64]?
  var nameOffsets: [Int64]?
  var checksums: [UInt32]?
  var metadata = "{\"format\":\"latentmim.packed\",\"version\":\"1\"}"
  var types: [String: String] = [:]
  var missing: Set<String> = []

  init() throws { files = try ["rgb.jpg", "gray.jpg", "sharp.jpg"].map(fixture) }

  /// The bytes of the file.
  func packed() -> [UInt8] {
    var header = "{\"__metadata__\":\(metadata)"
    var data: [UInt8] = []
    func add(_ name: String, _ type: String, _ bytes: [UInt8], _ count: Int) {
      if missing.contains(name) { return }
      header += ",\"\(name)\":{\"dtype\":\"\(types[name] ?? type)\",\"shape\":[\(count)],"
      header += "\"data_offsets\":[\(data.count),\(data.count + bytes.count)]}"
      data += bytes
    }
    func numbers<Number: FixedWidthInteger>(_ values: [Number]) -> [UInt8] {
      values.flatMap { value in withUnsafeBytes(of: value.littleEndian) { Array($0) } }
    }
    func offsets(_ pieces: [[UInt8]]) -> [Int64] {
      pieces.reduce(into: [0]) { $0.append($0[$0.count - 1] + Int64($1.count)) }
    }
    func text(_ name: String, _ offsetsName: String, _ texts: [String], _ given: [Int64]?) {
      let bytes = texts.map { Array($0.utf8) }
      let ends = given ?? offsets(bytes)
      add(offsetsName, "I64", numbers(ends), ends.count)
      add(name, "U8", bytes.flatMap { $0 }, bytes.reduce(0) { $0 + $1.count })
    }
    add("files", "U8", files.flatMap { $0 }, files.reduce(0) { $0 + $1.count })
    let ends = self.offsets ?? offsets(files)
    add("offsets", "I64", numbers(ends), ends.count)
    let sums = checksums ?? files.map { file in file.withUnsafeBytes { crc32($0) } }
    add("checksums", "U32", numbers(sums), sums.count)
    text("names", "name_offsets", names, nameOffsets)
    if let labels { add("labels", "I64", numbers(labels), labels.count) }
    if !classes.isEmpty { text("class_names", "class_name_offsets", classes, nil) }
    header += "}"
    return numbers([UInt64(header.utf8.count)]) + Array(header.utf8) + data
  }
}

@Suite struct PackedImagesTests {
  private let folder = TemporaryFolder()
  private var path: String { folder.path + "/x.safetensors" }

  private func opened(_ change: (inout Parts) -> Void = { _ in }) throws -> PackedImages {
    var parts = try Parts()
    change(&parts)
    folder.write("x.safetensors", parts.packed())
    return try PackedImages(path: path)
  }

  @Test func checksumsAreZips() {
    #expect(Array("123456789".utf8).withUnsafeBytes { crc32($0) } == 0xCBF4_3926)
    #expect([UInt8]().withUnsafeBytes { crc32($0) } == 0)
  }

  @Test func aPackedFileIsItsFolder() throws {
    let parts = try Parts()
    folder.folder("f")
    for name in ["f/a", "f/b"] { folder.folder(name) }
    for (name, file) in zip(parts.names, parts.files) { folder.write("f/" + name, file) }
    let files = try ImageFolder(path: folder.path + "/f")
    let packed = try opened()
    #expect(packed.count == 3 && packed.labels == files.labels && packed.classNames == files.classNames)
    #expect(packed.fingerprint == files.fingerprint)
    #expect(packed.path(at: 2)?.text == path + "/b/3.jpg")
    for index in [2, 0, 1] { #expect(try packed.image(at: index).bytes == files.image(at: index).bytes) }
    let subsets = try (ImageSubset(of: packed, indices: [2, 0]), ImageSubset(of: files, indices: [2, 0]))
    #expect(subsets.0.fingerprint == subsets.1.fingerprint && subsets.0.labels == [1, 0])
    let listed = try ImageFiles(paths: parts.names.map { FilePath(folder.path + "/f/" + $0) }, labels: [0, 0, 1])
    #expect(listed.fingerprint == files.fingerprint)
  }

  @Test func fingerprintsTellPackedFilesApart() throws {
    let first = try opened().fingerprint
    #expect(try opened { $0.names[0] = "a/0.jpg" }.fingerprint.names != first.names)
    #expect(try opened { $0.files.swapAt(0, 1) }.fingerprint.content != first.content)
  }

  @Test func damageNamesTheImage() throws {
    let packed = try opened { $0.checksums = [1, 2, 3] }
    #expect(
      message { try packed.image(at: 1) }.hasPrefix("cannot read '\(path)/a/2.jpg': it is damaged in the packed file"))
    let skipping = try PackedImages(path: path, onError: .skip)
    #expect(message { try skipping.readable(at: 0) { _, _ in 0 } }.contains("none of the 3 images"))
    #expect(message { try opened { $0.files[1] = [1, 2] }.image(at: 1) }.contains("looks like no image"))
    #expect(throws: DatasetError.index(3, count: 3)) { try opened().image(at: 3) }
  }

  private func refuses(_ problem: String, _ change: (inout Parts) -> Void) {
    let said = message { try opened(change) }
    #expect(said.contains(problem), "\(said)")
  }

  @Test func hostileTablesAreErrors() {
    refuses("its format is 'x'") { $0.metadata = "{\"format\":\"x\"}" }
    refuses("it names no format") { $0.metadata = "{}" }
    refuses("its version is '2', wanted '1'") { $0.metadata = "{\"format\":\"latentmim.packed\",\"version\":\"2\"}" }
    refuses("tensor 'offsets' goes from 9 to 8") { $0.offsets = [0, 9, 8, 10] }
    refuses("tensor 'offsets' goes from 5 to 9223372036854775807") { $0.offsets = [0, 1, 5, .max] }
    refuses("tensor 'offsets' goes from 0 to -9223372036854775808") { $0.offsets = [0, .min, 5, 6] }
    refuses("tensor 'offsets' begins with 1, wanted 0") { $0.offsets = [1, 2, 3, 4] }
    refuses("tensor 'offsets' begins with -1, wanted 0") { $0.offsets = [] }
    refuses("a data set of no files") { $0.offsets = [0] }
    refuses("tensor 'checksums' is U32 [3], wanted U32 [2]") { $0.offsets = [0, 1, 2] }
    refuses("tensor 'name_offsets' is I64 [2], wanted I64 [4]") { $0.nameOffsets = [0, 1] }
    refuses("tensor 'name_offsets' goes from 0 to 99") { $0.nameOffsets = [0, 99, 99, 99] }
    refuses("tensor 'names' holds a zero byte") { $0.names[0] = "a\0b" }
    refuses("has label 2, wanted a label in 0 ..< 2") { $0.labels = [0, 1, 2] }
    refuses("has label -1, wanted a label at least 0") { ($0.labels, $0.classes) = ([0, -1, 2], []) }
    refuses("tensor 'labels' is I64 [1], wanted I64 [3]") { $0.labels = [0] }
    refuses("tensor 'files' is I8") { $0.types["files"] = "I8" }
    refuses("tensor 'checksums' is I32 [3], wanted U32 [3]") { $0.types["checksums"] = "I32" }
    refuses("no tensor 'names'") { $0.missing = ["names"] }
    refuses("no tensor 'class_name_offsets'") { $0.missing = ["class_name_offsets"] }
  }

  /// Whatever bytes are changed or cut off: an error or images, no trap.
  @Test func changedBytesNeverTrap() throws {
    let whole = try Parts().packed()
    let data = whole.count - 1200
    var opened = 0
    for trial in 0..<3000 {
      let stream = RandomStream(seed: 7, purpose: .shuffle, item: trial)
      var bytes = whole
      for change in 0..<(1 + trial % 3) {
        // Headers and tables, not the pictures between them.
        let place = stream.integer(below: 2000, at: 2 * change)
        bytes[place < 1000 ? place : data + place - 1000] = UInt8(stream.integer(below: 256, at: 2 * change + 1))
      }
      if trial % 5 == 0 { bytes.removeLast(stream.integer(below: 1500, at: 9)) }
      folder.write("x.safetensors", bytes)
      guard let images = try? PackedImages(path: path) else { continue }
      opened += 1
      _ = images.fingerprint
      for index in 0..<images.count { _ = try? images.image(at: index) }
    }
    #expect(opened > 100)
  }

  @Test func listsAndEndings() throws {
    for name in ["1.gif", "2.jpg", "3.txt"] { folder.write(name, try fixture("rgb.jpg")) }
    let all = try ImageFolder(path: folder.path, alsoEndings: ["gif"])
    #expect(all.count == 2 && all.leftOutCount == 1)
    #expect(try ImageFolder(path: folder.path).count == 1)
  }
}

@Suite struct FewShotTests {
  @Test func aFewOfEveryClass() throws {
    let labels = [5, 2, 5, 2, 2, 5, 9, 9]
    let data = try ImageArrays(PixelMemory([UInt8](repeating: 0, count: 8)), shape: [8, 1, 1, 1], labels: labels)
    let drawn = try data.fewShots(2, seed: 1)
    #expect(drawn.map { labels[$0] } == [2, 2, 5, 5, 9, 9] && Set(drawn).count == 6)
    #expect(try data.fewShots(2, seed: 1) == drawn)
    #expect(message { try data.fewShots(3, seed: 1) } == "class 9 has 2 images, wanted 3 or more")
    #expect(throws: DatasetError.self) { try data.fewShots(0, seed: 1) }
  }
}
