import Compute
import Files

/// The image files below a folder (by the usual endings of `ImageCodec.all`, in any case; hidden files and folders are
/// left out).
///
/// Each sub-folder that holds a file of any kind is a class, numbered in the order of the names' bytes, and `labels`
/// are known; the images beside them, fewer than classes, are left out. Where as many or more lie in the folder itself,
/// there are no classes. Files are sorted folder by folder. A folder is entered once, under its own name before any
/// link to it; links to files are files. Another split of the same data may lack a class: compare class names, not
/// numbers.
public final class ImageFolder: ImageFiles, @unchecked Sendable {
  /// A file that is no image of the data set, and why.
  public struct LeftOutFile: Sendable, Equatable {
    public let path: FilePath
    public let reason: String
  }

  public let path: FilePath
  /// What somebody should know about the folder, a line each: what was left out, why there are no labels.
  public let remarks: [String]
  private let leftOutFiles: LeftOutFiles

  /// - Parameters:
  ///   - path: the folder.
  ///   - alsoEndings: endings of files that are taken besides, in lower case and without the dot: of formats that
  ///     something else decodes.
  ///   - conversion: to the channels wanted.
  ///   - onError: about files that turn out unreadable when they are loaded; nothing is opened before.
  /// - Throws: `DatasetError.folder`, `DatasetError.noImages`, `OutOfMemory`, `Interrupted`.
  public init(
    path: some FilePathConvertible, alsoEndings: [String] = [], conversion: PixelConversion = .rgb,
    onError: OnError = .fail
  ) throws {
    let path = path.filePath
    guard path.isUsable else { throw DatasetError.folder(path: path.text, problem: "the path names nothing") }
    let contents: FolderContents
    do {
      contents = try FolderContents(path, alsoEndings)
    } catch let error as FileError {
      throw DatasetError.folder(path: path.text, problem: error.problem, system: error.systemError)
    }
    self.path = path
    (leftOutFiles, remarks) = (contents.leftOut, contents.remarks)
    try super.init(
      PathStore(paths: contents.files, root: path.bytes.count), contents.labels, contents.classes, conversion,
      onError)
  }

  /// How many files below the folder are no images of the data set.
  public var leftOutCount: Int { leftOutFiles.count }

  /// The file left out at `index`, 0 ..< leftOutCount; nil for another index.
  public func leftOut(at index: Int) -> LeftOutFile? {
    guard 0..<leftOutCount ~= index else { return nil }
    return LeftOutFile(path: leftOutFiles.paths[index], reason: leftOutFiles.reason(index).text)
  }
}
