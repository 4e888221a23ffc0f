import Glibc
import Files

/// A file committed beside the tests, with the script that made it.
func fixturePath(_ name: String, from testFile: String = #filePath) -> String {
  let folders = testFile.split(separator: "/").dropLast()
  return "/" + folders.joined(separator: "/") + "/Fixtures/" + name
}

/// A new directory, removed with all that is in it when its last reference goes.
final class TemporaryDirectory {
  let path: String

  init(in parent: String = "/tmp") {
    var template = Array("\(parent)/latentmim-test-XXXXXX".utf8CString)
    path = template.withUnsafeMutableBufferPointer { String(cString: mkdtemp($0.baseAddress!)) }
  }

  deinit {
    for name in names { unlink(path + "/" + name) }
    for name in names { rmdir(path + "/" + name) }
    rmdir(path)
  }

  /// What lies in it, hidden files too.
  var names: [String] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// Writes a file by the shortest way, without the code under test.
  func write(_ bytes: [UInt8], to name: String) -> String {
    let file = fopen(path + "/" + name, "w")
    fwrite(bytes, 1, bytes.count, file)
    fclose(file)
    return path + "/" + name
  }

  /// The bytes of a file, without the code under test.
  func read(_ name: String) -> [UInt8] {
    guard let file = fopen(path + "/" + name, "r") else { return [] }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    while case let byte = fgetc(file), byte != EOF { bytes.append(UInt8(byte)) }
    return bytes
  }
}

/// A safetensors file from a header text and data bytes.
func safetensorsBytes(_ header: String, data: [UInt8]) -> [UInt8] {
  let length = header.utf8.count
  return (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + Array(header.utf8) + data
}
