import Compute
import Files

/// Where the files of a data set lie: in folders, or in one packed file.
protocol FileStore: Sendable {
  var count: Int { get }
  /// The path of the file at `index` (0 ..< count), for errors and lists.
  func path(at index: Int) -> FilePath
  /// The same in place, zero at the end, for as long as the store lives.
  func cPath(at index: Int) -> UnsafePointer<CChar>
  /// The whole file.
  ///
  /// - Throws: `FileError`, `DescribedError`.
  func contents(at index: Int) throws -> [UInt8]
  /// What tells the files with these indices from others.
  func fingerprint(of indices: some RandomAccessCollection<Int>) -> DataFingerprint
}

/// Files by their paths.
struct PathStore: FileStore {
  let paths: PathTable
  /// Bytes of the folder's path that all begin with; 0 where they have none in common.
  var root = 0

  var count: Int { paths.count }
  func path(at index: Int) -> FilePath { paths[index] }
  func cPath(at index: Int) -> UnsafePointer<CChar> { paths.cString(at: index) }
  func contents(at index: Int) throws -> [UInt8] { try ReadableFile(path: paths[index]).contents() }

  func fingerprint(of indices: some RandomAccessCollection<Int>) -> DataFingerprint {
    DataFingerprint(
      ofFiles: indices, name: { UnsafeRawBufferPointer(rebasing: paths.bytes(at: $0).dropFirst(root)) }
    ) { index, most in
      guard let file = try? ReadableFile(path: paths[index]) else { return nil }
      let count = min(file.size, most)
      return (file.size, (try? file.bytes(at: (file.size - count) / 2, count: count)) ?? [])
    }
  }
}

extension DataFingerprint {
  /// Names of all files; sizes and four kilobytes of some.
  ///
  /// - Parameters:
  ///   - name: the file's below its root, which begins with a slash.
  ///   - middle: a file's size and at most so many bytes of its middle; nil where it cannot be opened.
  init(
    ofFiles indices: some RandomAccessCollection<Int>, name: (Int) -> UnsafeRawBufferPointer,
    middle: (_ index: Int, _ most: Int) -> (size: Int, bytes: [UInt8])?
  ) {
    var (names, content) = (Digest(), Digest())
    for index in indices { names.add(name(index)) }
    for place in evenlySpread(indices.count) {
      guard let (size, bytes) = middle(indices[indices.index(indices.startIndex, offsetBy: place)], 4096) else {
        continue
      }
      content.add(number: place)
      content.add(number: size)
      content.add(bytes)
    }
    self.init(images: indices.count, names: names.text, content: content.text)
  }
}
