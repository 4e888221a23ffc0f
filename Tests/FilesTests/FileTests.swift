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

  @Test func removesTheTemporaryFileWhenRenamingFails() {
    let path = directory.path + "/folder"
    #expect(throws: FileError.refused(operation: "rename onto", path: path, code: EISDIR)) {
      // The folder comes while the bytes are written.
      try writeAtomically(path) { _ in mkdir(path, 0o700) }
    }
    #expect(directory.names == ["folder"])
  }

  @Test func saysWhatTheSystemSaid() {
    let path = directory.path + "/missing/file"
    #expect(throws: FileError.refused(operation: "create", path: path, code: ENOENT)) { try writeAtomically(path, [1]) }
    let error = FileError.refused(operation: "create", path: "a/b", code: ENOENT)
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
    #expect(throws: FileError.refused(operation: "use", path: directory.path, code: EISDIR)) {
      try ReadableFile(path: directory.path)
    }
    #expect(throws: FileError.refused(operation: "open", path: "/nowhere", code: ENOENT)) {
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
    #expect(throws: FileError.refused(operation: "use", path: folder.path, code: EISDIR)) {
      try writeAtomically(folder.path, [4])
    }
  }
}
