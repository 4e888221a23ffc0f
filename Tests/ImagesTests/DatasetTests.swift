import Files
import Compute
import Glibc
import Testing

@testable import Images

@Suite struct ImageFolderTests {
  private let folder = TemporaryFolder()

  private func names(_ dataset: ImageFolder) -> [String] {
    (0..<dataset.count).compactMap { dataset.path(at: $0)?.text.dropFirst(folder.path.utf8.count + 1) }.map(String.init)
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
    #expect(throws: DatasetError.index(-1, count: 5)) { try dataset.readable(at: -1) { _, _ in 0 } }
  }

  @Test func asManyLooseFilesAsFoldersHaveNoClasses() throws {
    folder.folder("a")
    folder.write("a/1.jpg", try fixture("rgb.jpg"))
    folder.write("2.jpg", try fixture("rgb.jpg"))
    let dataset = try ImageFolder(path: folder.path)
    #expect(dataset.labels == nil && dataset.classNames.isEmpty && names(dataset) == ["2.jpg", "a/1.jpg"])
    #expect(dataset.remarks.count == 1 && dataset.remarks[0].contains("1 images lie beside the folders: 2.jpg"))
  }

  @Test func aStrayImageTakesNoLabels() throws {
    for name in ["a", "b"] {
      folder.folder(name)
      folder.write(name + "/1.jpg", try fixture("rgb.jpg"))
    }
    #expect(try ImageFolder(path: folder.path).remarks == [])
    folder.write("stray.jpg", try fixture("rgb.jpg"))
    let dataset = try ImageFolder(path: folder.path)
    #expect(dataset.labels == [0, 1] && names(dataset) == ["a/1.jpg", "b/1.jpg"] && dataset.leftOutCount == 1)
    #expect(dataset.leftOut(at: 0)?.path.text == folder.path + "/stray.jpg")
    #expect(dataset.leftOut(at: 0)?.reason == "it lies beside the class folders" && dataset.leftOut(at: 1) == nil)
    #expect(dataset.remarks.count == 1 && dataset.remarks[0].contains("stray.jpg"))
  }

  @Test func otherFormatsAreCountedAndKeepTheirClass() throws {
    for name in ["a", "b", "c"] { folder.folder(name) }
    for name in ["a/1.jpg", "a/2.JFIF", "c/1.jpe"] { folder.write(name, try fixture("rgb.jpg")) }
    for name in ["a/3.xyz", "b/1.xyz", "b/2.XYZ", "c/notes"] { folder.write(name, [0]) }
    let dataset = try ImageFolder(path: folder.path)
    #expect(dataset.classNames == ["a", "b", "c"] && dataset.labels == [0, 0, 2])
    #expect(dataset.remarks.count == 2)
    #expect(dataset.remarks[0].hasSuffix("are left out: 3 .xyz, 1 without an ending"))
    #expect(dataset.remarks[1].hasSuffix("classes without an image that can be read: b"))
    #expect((0..<dataset.leftOutCount).compactMap { dataset.leftOut(at: $0)?.path.text.last } == ["z", "z", "Z", "s"])
  }

  @Test func namesKeepTheirBytes() throws {
    let jpeg = try fixture("rgb.jpg")
    let names: [[UInt8]] = [[0x63, 0xE8], [0x63, 0xE9]]
    for name in names {
      let path = FilePath(folder.path).appending(FilePath(bytes: name))
      _ = path.withCString { mkdir($0, 0o755) }
      try writeAtomically(path.appending(FilePath("1.jpg")), jpeg)
    }
    let dataset = try ImageFolder(path: folder.path)
    #expect(dataset.exactClassNames.map(\.bytes) == names && dataset.classNames == ["c\\xE8", "c\\xE9"])
    #expect(dataset.path(at: 1)?.bytes == Array(folder.path.utf8) + [0x2F, 0x63, 0xE9] + Array("/1.jpg".utf8))
    #expect(try dataset.image(at: 1).width == 37)
  }

  @Test func foldersThatLinkToEachOtherCountOnce() throws {
    for i in 0..<12 {
      folder.folder("\(i)")
      folder.write("\(i)/1.jpg", [0])
      for j in 0..<12 where j != i { symlink("../\(j)", folder.path + "/\(i)/to-\(j)") }
    }
    let dataset = try ImageFolder(path: folder.path)
    #expect(dataset.count == 12 && dataset.classNames.count == 12 && dataset.leftOutCount == 132)
    #expect(dataset.remarks.count == 1 && dataset.remarks[0].contains("132 links"))
  }

  @Test func linkedFoldersAreClassesInTheOrderOfTheirNames() throws {
    let outside = TemporaryFolder()
    outside.folder("x")
    outside.write("x/1.jpg", [0])
    folder.folder("b")
    folder.write("b/1.jpg", [0])
    symlink(outside.path + "/x", folder.path + "/a")
    symlink(outside.path, folder.path + "/c")
    let dataset = try ImageFolder(path: folder.path)
    #expect(names(dataset) == ["a/1.jpg", "b/1.jpg"] && dataset.classNames == ["a", "b"])
  }

  @Test func linksLeadOnceAndNeverRound() throws {
    folder.folder("a")
    folder.write("a/1.jpg", try fixture("rgb.jpg"))
    symlink(folder.path, folder.path + "/a/up")
    symlink(folder.path, folder.path + "/self")
    symlink(folder.path + "/a", folder.path + "/b")
    symlink("/nonexistent", folder.path + "/a/broken.jpg")
    let dataset = try ImageFolder(path: folder.path)
    #expect(names(dataset) == ["a/1.jpg", "a/broken.jpg"])
    #expect(message { try dataset.image(at: 1) }.contains("No such file"))
  }

  @Test func emptyAndMissingFoldersSaySo() throws {
    #expect(message { try ImageFolder(path: folder.path) }.contains("it is empty"))
    for name in ["1.gif", "2.GIF", "readme"] { folder.write(name, [0]) }
    #expect(message { try ImageFolder(path: folder.path) }.contains("there are 2 .gif, 1 without an ending"))
    #expect(message { try ImageFolder(path: folder.path + "/no") }.contains("No such file"))
    #expect(message { try ImageFolder(path: folder.path + "/1.gif") }.contains("Not a directory"))
    #expect(message { try ImageFolder(path: "") }.contains("names nothing"))
  }

  @Test func failNamesTheFile() throws {
    folder.write("bad.jpg", [1, 2, 3])
    let dataset = try ImageFolder(path: folder.path)
    #expect(throws: DatasetError.self) { try dataset.readable(at: 0) { _, _ in 0 } }
    #expect(
      message { try dataset.image(at: 0) }
        == "cannot read '\(folder.path)/bad.jpg': it looks like no image, wanted \(ImageCodec.names)")
    folder.write("good.jpg", try fixture("rgb.jpg"))
    let both = try ImageFolder(path: folder.path)
    #expect(
      message { try both.readable(at: 0) { _, _ in 0 } }
        .hasSuffix("\(ImageCodec.names); on_error='skip' goes on without such files"))
  }

  @Test func skipTakesTheNextReadable() throws {
    let jpeg = try fixture("rgb.jpg")
    for (name, bytes) in [("0", jpeg), ("1", [0]), ("2", []), ("3", jpeg), ("4", Array(jpeg.prefix(600)))] {
      folder.write(name + ".jpg", bytes)
    }
    let dataset = try ImageFolder(path: folder.path, onError: .skip)
    #expect(dataset.skipped.isEmpty)
    for _ in 0..<2 {
      #expect(try (0..<5).map { try dataset.readable(at: $0) { _, index in index }.index } == [0, 3, 3, 3, 0])
    }
    #expect(dataset.skipped == [1, 2, 4])
    #expect(dataset.skipReason(at: 2)?.contains("empty") == true && dataset.skipReason(at: 0) == nil)
    folder.write("0.jpg", [0])
    folder.write("3.jpg", [0])
    #expect(throws: DatasetError.self) { try dataset.readable(at: 1) { _, _ in 0 } }
    #expect(message { try dataset.readable(at: 1) { _, _ in 0 } }.contains("none of the 5"))
  }
}

@Suite struct ImageSubsetTests {
  private func images() throws -> ImageArrays {
    try ImageArrays(
      PixelMemory((0..<5).map { UInt8($0) }), shape: [5, 1, 1, 1], labels: [0, 1, 2, 0, 1], classNames: ["a", "b", "c"])
  }

  @Test func someImagesWithTheirLabels() throws {
    let subset = try ImageSubset(of: images(), indices: [4, 2, 2])
    #expect(subset.count == 3 && subset.labels == [1, 2, 2] && subset.classNames == ["a", "b", "c"])
    #expect(try (0..<3).map { try subset.image(at: $0).bytes } == [[4], [2], [2]])
    let again = try ImageSubset(of: subset, indices: [1, 0])
    #expect(again.indices == [2, 4] && again.labels == [2, 1] && again.base is ImageArrays)
    #expect(throws: DatasetError.index(3, count: 3)) { try subset.image(at: 3) }
    #expect(throws: DatasetError.index(5, count: 5)) { try ImageSubset(of: images(), indices: [5]) }
    #expect(throws: DatasetError.self) { try ImageSubset(of: images(), indices: []) }
  }

  @Test func unreadableImagesAreReplacedFromTheSubset() throws {
    let folder = TemporaryFolder()
    for index in 0..<5 { folder.write("\(index).jpg", index % 2 == 0 ? try fixture("rgb.jpg") : [0]) }
    let whole = try ImageFolder(path: folder.path, onError: .skip)
    let subset = try ImageSubset(of: whole, indices: [1, 3, 0])
    #expect(try (0..<3).map { try subset.readable(at: $0) { _, index in index }.index } == [2, 2, 2])
    #expect(whole.skipped == [1, 3])
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

  @Test(arguments: [
    [2, 3, 32, 32], [1, 3, 480, 640], [2, 1, 28, 28], [2, 4, 64, 16], [2, 13, 64, 64],
  ])
  func channelsBeforePixelsAreRefused(shape: [Int]) throws {
    let memory = try PixelMemory([UInt8](repeating: 0, count: shape.reduce(1, *)))
    #expect(throws: ImageError.channelsFirst(shape)) { try ImageArrays(memory, shape: shape) }
    #expect(message { try ImageArrays(memory, shape: shape) }.contains("np.moveaxis(images, -3, -1)"))
  }

  @Test(arguments: [
    [2, 32, 32, 3], [2, 3, 40, 8], [2, 3, 3, 200], [2, 5, 5, 103], [2, 14, 14, 768], [2, 1, 100, 3], [2, 1, 1, 512],
    [2, 8, 8, 8], [2, 32, 32, 32], [2, 4, 100, 13],
  ])
  func manyChannelsAreTaken(shape: [Int]) throws {
    let memory = try PixelMemory([UInt8](repeating: 0, count: shape.reduce(1, *)))
    #expect(try ImageArrays(memory, shape: shape).channels == shape[3])
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
      let memory = PixelMemory(borrowing: UnsafeRawPointer(bytes), .uint8, count: 4) {
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
