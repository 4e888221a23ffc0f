import Glibc
import Testing

@testable import Images

@Suite struct DataFingerprintTests {
  private let folder = TemporaryFolder()

  private func found() throws -> DataFingerprint { try ImageFolder(path: folder.path).fingerprint }

  @Test func filesAreKnownByNameAndContent() throws {
    let jpeg = try fixture("rgb.jpg")
    folder.folder("a")
    for name in ["a/1.jpg", "2.jpg"] { folder.write(name, jpeg) }
    let first = try found()
    #expect(first.images == 2)
    #expect(try found() == first)
    rename(folder.path + "/2.jpg", folder.path + "/3.jpg")
    let renamed = try found()
    #expect(renamed.difference(from: first) == "the images' files have other names than there")
    folder.write("3.jpg", try fixture("gray.jpg"))
    let replaced = try found()
    #expect(replaced.names == renamed.names)
    #expect(replaced.difference(from: renamed) == "the images are others than there: as many, with other content")
    folder.write("4.jpg", jpeg)
    #expect(try found().difference(from: replaced) == "the data set had 2 images there, it has 3 here")
    #expect(replaced.difference(from: replaced) == nil)
  }

  /// The same files at another place are the same images.
  @Test func foldersMayMove() throws {
    for below in ["here", "there"] {
      folder.folder(below)
      folder.write(below + "/1.jpg", try fixture("rgb.jpg"))
    }
    let both = try ["here", "there/"].map { try ImageFolder(path: folder.path + "/" + $0).fingerprint }
    #expect(both[0] == both[1])
  }

  @Test func arraysAreKnownByTheirPixels() throws {
    func fingerprint(_ bytes: [UInt8], _ shape: [Int]) throws -> DataFingerprint {
      try ImageArrays(PixelMemory(bytes), shape: shape).fingerprint
    }
    // More images than are looked at, each larger than what is looked at of one.
    var bytes = (0..<300 * 5000).map { UInt8(truncatingIfNeeded: $0 / 7) }
    let first = try fingerprint(bytes, [300, 50, 100, 1])
    #expect(first.names == "" && first.content.utf8.count == 16)
    #expect(try fingerprint(bytes, [300, 50, 100, 1]) == first)
    #expect(try fingerprint(bytes, [300, 100, 50, 1]) != first)
    bytes[0] += 1
    #expect(try fingerprint(bytes, [300, 50, 100, 1]) != first)
    #expect(try fingerprint([5], [1, 1, 1, 1]).images == 1)
  }
}
