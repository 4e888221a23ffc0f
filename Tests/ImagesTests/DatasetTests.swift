import Compute
import Glibc
import Testing

@testable import Images

@Suite struct ImageFolderTests {
  private let folder = TemporaryFolder()

  private func names(_ dataset: ImageFolder) -> [String] {
    (0..<dataset.count).compactMap { dataset.path(at: $0)?.dropFirst(folder.path.utf8.count + 1) }.map(String.init)
  }

  @Test func subFoldersAreClasses() throws {
    let jpeg = try fixture("rgb.jpg")
    for name in ["b", "a", "a/deep", "a x", "empty", ".hidden"] { folder.folder(name) }
    for name in ["b/2.JPG", "b/1.jpeg", "a/z.jpg", "a/deep/y.Jpg", "a x/q.jpg", ".hidden/n.jpg", "b/.n.jpg", "b/t.txt"]
    {
      folder.write(name, jpeg)
    }
    let dataset = try ImageFolder(path: folder.path)
    #expect(names(dataset) == ["a/deep/y.Jpg", "a/z.jpg", "a x/q.jpg", "b/1.jpeg", "b/2.JPG"])
    #expect(dataset.classNames == ["a", "a x", "b"])
    #expect(dataset.labels == [0, 0, 1, 2, 2])
    #expect(try dataset.image(at: 4).width == 37)
    #expect(throws: DatasetError.index(5, count: 5)) { try dataset.image(at: 5) }
    #expect(throws: DatasetError.index(-1, count: 5)) { try dataset.readableImage(at: -1) }
  }

  @Test func looseFilesHaveNoClasses() throws {
    folder.folder("a")
    folder.write("a/1.jpg", try fixture("rgb.jpg"))
    folder.write("2.jpg", try fixture("rgb.jpg"))
    let dataset = try ImageFolder(path: folder.path)
    #expect(dataset.labels == nil && dataset.classNames.isEmpty && names(dataset) == ["2.jpg", "a/1.jpg"])
  }

  @Test func linksLeadOnceAndNeverRound() throws {
    folder.folder("a")
    folder.write("a/1.jpg", try fixture("rgb.jpg"))
    symlink(folder.path, folder.path + "/a/up")
    symlink(folder.path, folder.path + "/self")
    symlink(folder.path + "/a", folder.path + "/b")
    symlink("/nonexistent", folder.path + "/a/broken.jpg")
    let dataset = try ImageFolder(path: folder.path)
    #expect(names(dataset) == ["a/1.jpg", "a/broken.jpg", "b/1.jpg", "b/broken.jpg"])
    #expect(message { try dataset.image(at: 1) }.contains("No such file"))
  }

  @Test func emptyAndMissingFoldersSaySo() throws {
    #expect(message { try ImageFolder(path: folder.path) }.contains("it is empty"))
    for name in ["1.png", "2.PNG", "readme"] { folder.write(name, [0]) }
    #expect(message { try ImageFolder(path: folder.path) }.contains("there are 2 .png, 1 without an ending"))
    #expect(message { try ImageFolder(path: folder.path + "/no") }.contains("No such file"))
    #expect(message { try ImageFolder(path: folder.path + "/1.png") }.contains("Not a directory"))
    #expect(message { try ImageFolder(path: "") }.contains("names nothing"))
  }

  @Test func failNamesTheFile() throws {
    folder.write("bad.jpg", [1, 2, 3])
    let dataset = try ImageFolder(path: folder.path)
    #expect(throws: DatasetError.self) { try dataset.readableImage(at: 0) }
    #expect(
      message { try dataset.image(at: 0) }
        == "cannot read '\(folder.path)/bad.jpg': it looks like no image, wanted JPEG")
  }

  @Test func skipTakesTheNextReadable() throws {
    let jpeg = try fixture("rgb.jpg")
    for (name, bytes) in [("0", jpeg), ("1", [0]), ("2", []), ("3", jpeg), ("4", Array(jpeg.prefix(600)))] {
      folder.write(name + ".jpg", bytes)
    }
    let dataset = try ImageFolder(path: folder.path, onError: .skip)
    #expect(dataset.skipped.isEmpty)
    for _ in 0..<2 { #expect(try (0..<5).map { try dataset.readableImage(at: $0).index } == [0, 3, 3, 3, 0]) }
    #expect(dataset.skipped.map(\.path) == ["1", "2", "4"].map { "\(folder.path)/\($0).jpg" })
    #expect(dataset.skipped[1].reason.contains("empty"))
    folder.write("0.jpg", [0])
    folder.write("3.jpg", [0])
    #expect(throws: DatasetError.self) { try dataset.readableImage(at: 1) }
    #expect(message { try dataset.readableImage(at: 1) }.contains("none of the 5"))
  }
}

@Suite struct ImageArraysTests {
  @Test func imagesAreSlices() throws {
    let dataset = try ImageArrays(
      PixelMemory((0..<24).map { UInt8($0) }), shape: [2, 2, 3, 2], labels: [1, 0], classNames: ["a", "b"])
    #expect(try dataset.image(at: 1).bytes == (12..<24).map { UInt8($0) })
    #expect(throws: DatasetError.index(2, count: 2)) { try dataset.image(at: 2) }
  }

  @Test func shapesAndLabelsAreChecked() throws {
    let memory = try PixelMemory([UInt8](repeating: 0, count: 12))
    for shape in [[3, 2, 2], [3, 2, 2, 2], [0, 2, 2, 3], [-3, -2, 2, 1], [.max, .max, 2, 1]] {
      #expect(throws: ImageError.self) { try ImageArrays(memory, shape: shape) }
    }
    #expect(throws: DatasetError.self) { try ImageArrays(memory, shape: [3, 2, 2, 1], labels: [0, 1]) }
    #expect(throws: DatasetError.self) { try ImageArrays(memory, shape: [3, 2, 2, 1], labels: [0, 1, -1]) }
    #expect(
      message { try ImageArrays(memory, shape: [3, 2, 2, 1], labels: [0, 2, 1], classNames: ["a", "b"]) }
        == "image 1 has label 2, wanted a label in 0 ..< 2, the number of class names")
  }

  @Test(arguments: [Float.nan, .infinity, -0.1, 1.5, 255])
  func valuesOutOfRangeNameTheirImage(value: Float) throws {
    var floats = [Float](repeating: 0.5, count: 3 * 4)
    floats[9] = value
    let dataset = try ImageArrays(PixelMemory(floats), shape: [3, 2, 2, 1])
    _ = try dataset.image(at: 1)
    #expect(message { try dataset.image(at: 2) }.contains("image 2 has a pixel of \(value)"))
    #expect(throws: ImageError.self) { try Image(floats: floats, height: 3, width: 4, channels: 1) }
  }

  @Test func borrowedMemoryIsReleasedOnce() throws {
    final class Counter: @unchecked Sendable { var count = 0 }
    let counter = Counter()
    nonisolated(unsafe) let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: 4)
    bytes.initialize(repeating: 7, count: 4)
    var image: Image?
    do {
      let memory = PixelMemory(borrowing: UnsafePointer(bytes), count: 4) {
        counter.count += 1
        bytes.deallocate()
      }
      image = try ImageArrays(memory, shape: [1, 2, 2, 1]).image(at: 0)
    }
    #expect(counter.count == 0 && image?.bytes == [7, 7, 7, 7])
    image = nil
    #expect(counter.count == 1)
  }
}
