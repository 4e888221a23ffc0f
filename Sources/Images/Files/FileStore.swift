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

  /// Names of all files; sizes and four kilobytes of some.
  func fingerprint(of indices: some RandomAccessCollection<Int>) -> DataFingerprint {
    var (names, content) = (Digest(), Digest())
    for index in indices { names.add(UnsafeRawBufferPointer(rebasing: paths.bytes(at: index).dropFirst(root))) }
    for place in evenlySpread(indices.count) {
      let index = indices[indices.index(indices.startIndex, offsetBy: place)]
      guard let file = try? ReadableFile(path: paths[index]) else { continue }
      content.add(number: place)
      content.add(number: file.size)
      let count = min(file.size, 4096)
      content.add((try? file.bytes(at: (file.size - count) / 2, count: count)) ?? [])
    }
    return DataFingerprint(images: indices.count, names: names.text, content: content.text)
  }
}
