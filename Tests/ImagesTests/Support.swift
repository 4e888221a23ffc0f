import Files
import Compute
import Glibc
import Testing

@testable import Images

/// Suites that compare bits run one after another, because one of them switches instruction sets.
@Suite(.serialized) struct SerialTests {}

private let fixtures = "\(#filePath)".split(separator: "/").dropLast().map { "/" + $0 }.joined() + "/Fixtures/"

func fixturePath(_ name: String) -> String { fixtures + name }

func fixture(_ name: String) throws -> [UInt8] { try ReadableFile(path: fixtures + name).contents() }

/// Little-endian float32 values.
func floatFixture(_ name: String) throws -> [Float] {
  let bytes = try fixture(name)
  return bytes.withUnsafeBytes { raw in
    (0..<(bytes.count / 4)).map { raw.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self) }
  }
}

/// The 29×37 picture that make_fixtures.py draws.
func picture() throws -> Image { try Image(bytes: fixture("picture.rgb"), height: 29, width: 37, channels: 3) }

/// A folder of its own that goes with this object.
final class TemporaryFolder {
  let path: String

  init() {
    var template = Array("/tmp/images-tests-XXXXXX".utf8CString)
    path = mkdtemp(&template).map { String(cString: $0) } ?? "/nonexistent"
  }

  deinit {
    var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("rm"), strdup("-rf"), strdup(path), nil]
    var process = pid_t()
    if posix_spawnp(&process, "rm", nil, nil, &arguments, environ) == 0 { waitpid(process, nil, 0) }
    arguments.forEach { free($0) }
  }

  func folder(_ name: String) { mkdir(path + "/" + name, 0o755) }

  func write(_ name: String, _ bytes: [UInt8]) {
    guard let file = fopen(path + "/" + name, "w") else { return }
    fwrite(bytes, 1, bytes.count, file)
    fclose(file)
  }
}

/// What an error says; empty where none is thrown.
func message(_ body: () throws -> Any?) -> String {
  do {
    _ = try body()
    return ""
  } catch {
    return "\(error)"
  }
}
