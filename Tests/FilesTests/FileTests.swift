import Compute
import Glibc
import Files
import Testing

@Suite struct FileTests {
  let directory = TemporaryDirectory()

  @Test func replacesAFileWithoutLeavingAnything() throws {
    let path = directory.write([1, 2, 3], to: "config.json")
    try writeAtomically(path, [4, 5])
    #expect(directory.read("config.json") == [4, 5])
    #expect(directory.names == ["config.json"])
    #expect(try ReadableFile(path: path).contents() == [4, 5])
  }

  @Test func writesWhereTheProcessStands() throws {
    let name = "latentmim-test-\(getpid())"
    try writeAtomically(name, [7])
    defer { unlink(name) }
    #expect(try ReadableFile(path: name).contents() == [7])
  }

  @Test func keepsTheOldFileWhenWritingFails() throws {
    struct Stop: Error {}
    let path = directory.write([1, 2, 3], to: "last")
    #expect(throws: Stop.self) {
      try writeAtomically(path) { sink in
        try sink.write([9])
        #expect(directory.names.count == 2)
        throw Stop()
      }
    }
    #expect(directory.read("last") == [1, 2, 3])
    #expect(directory.names == ["last"])
  }

  @Test func removesWhatKilledProcessesLeft() throws {
    // Whatever process number it has: that may be in use again, or be another container's.
    for name in [".last.tmp-1-a", ".last.tmp-\(getpid())-b", ".other.tmp-1-c", ".last"] {
      _ = directory.write([1], to: name)
    }
    try writeAtomically(directory.path + "/last") { sink in
      // The file of somebody who is still writing stays.
      try writeAtomically(directory.path + "/last", [2])
      #expect(directory.names.count == 4)
      try sink.write([3])
    }
    #expect(directory.read("last") == [3])
    #expect(directory.names == [".last", ".other.tmp-1-c", "last"])
  }

  @Test func removesTheTemporaryFileWhenRenamingFails() {
    let path = directory.path + "/folder"
    #expect(throws: FileError.refused(operation: "rename onto", path: path.filePath, code: EISDIR)) {
      // The folder comes while the bytes are written.
      try writeAtomically(path) { _ in mkdir(path, 0o700) }
    }
    #expect(directory.names == ["folder"])
  }

  @Test func saysWhatTheSystemSaid() {
    let path = directory.path + "/missing/file"
    #expect(throws: FileError.refused(operation: "create", path: path.filePath, code: ENOENT)) {
      try writeAtomically(path, [1])
    }
    let error = FileError.refused(operation: "create", path: FilePath("a/b"), code: ENOENT)
    #expect(error.description == "cannot create 'a/b': No such file or directory")
  }

  @Test(arguments: ["", "zero\0byte"])
  func refusesPathsThatNameNothing(_ path: String) {
    #expect(throws: FileError.unusablePath(path)) { try ReadableFile(path: path) }
    #expect(throws: FileError.unusablePath(path)) { try writeAtomically(path, []) }
    #expect(throws: FileError.unusablePath("folder/")) { try writeAtomically("folder/", []) }
  }

  @Test func readsRegularFilesOnly() throws {
    let pipe = directory.path + "/pipe"
    mkfifo(pipe, 0o600)
    #expect(throws: FileError.notAFile(path: pipe)) { try ReadableFile(path: pipe) }
    #expect(throws: FileError.refused(operation: "use", path: directory.path.filePath, code: EISDIR)) {
      try ReadableFile(path: directory.path)
    }
    #expect(throws: FileError.refused(operation: "open", path: FilePath("/nowhere"), code: ENOENT)) {
      try ReadableFile(path: "/nowhere")
    }
  }

  @Test func staysWithinTheFile() throws {
    let path = directory.write([1, 2, 3], to: "three")
    let file = try ReadableFile(path: path)
    #expect(try file.bytes(at: 1, count: 2) == [2, 3])
    #expect(try file.bytes(at: 3, count: 0) == [])
    for (offset, count) in [(0, 4), (3, 1), (4, 0), (-1, 1), (0, -1), (1, .max), (.max, 1)] {
      #expect(throws: FileError.self) { try file.bytes(at: offset, count: count) }
    }
    #expect(throws: FileError.self) { try ReadableFile(path: path).contents(limit: 2) }
    truncate(path, 2)
    #expect(throws: FileError.ended(path: path, offset: 0, wanted: 3)) { try file.bytes(at: 0, count: 3) }
  }

  @Test func pathsKeepTheirBytes() throws {
    let folder = TemporaryDirectory()
    let paths = [0xE8, 0xE9].map { FilePath(folder.path).appending(FilePath(bytes: [0x63, $0])) }
    for (path, byte) in zip(paths, [1, 2] as [UInt8]) { try writeAtomically(path, [byte]) }
    #expect(try paths.map { try ReadableFile(path: $0).contents() } == [[1], [2]])
    #expect(paths.map(\.text) == ["\(folder.path)/c\\xE8", "\(folder.path)/c\\xE9"])
    #expect(FilePath(bytes: [0xC3, 0xA9, 0xE9, 0x22, 0xC3]).jsonText == "\"é\\udce9\\\"\\udcc3\"")
    #expect(FilePath(bytes: [0xC3, 0xA9, 0xED, 0xA0, 0x80]).text == "é\\xED\\xA0\\x80")
    for path in paths { _ = path.withCString { unlink($0) } }
  }

  @Test func linksAreFollowedAndWhatIsNoFileIsRefused() throws {
    let folder = TemporaryDirectory()
    let (real, link, pipe) = (folder.path + "/real", folder.path + "/link", folder.path + "/pipe")
    try writeAtomically(real, [1])
    #expect(symlink("real", link) == 0 && mkfifo(pipe, 0o600) == 0)
    try writeAtomically(link, [2, 3])
    #expect(try ReadableFile(path: real).contents() == [2, 3])
    var status = stat()
    #expect(lstat(link, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK)
    #expect(throws: FileError.notAFile(path: pipe)) { try writeAtomically(pipe, [4]) }
    #expect(lstat(pipe, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO)
    #expect(throws: FileError.refused(operation: "use", path: folder.path.filePath, code: EISDIR)) {
      try writeAtomically(folder.path, [4])
    }
  }
}
