import Compute
import Files

/// The image files below a folder (by the usual endings of `ImageCodec.all`, in any case; hidden files and folders are
/// left out), as RGB images.
///
/// Each sub-folder that holds a file of any kind is a class, numbered in the order of the names' bytes, and `labels`
/// are known; the images beside them, fewer than classes, are left out. Where as many or more lie in the folder itself,
/// there are no classes. Files are sorted folder by folder. A folder is entered once, under its own name before any
/// link to it; links to files are files. Another split of the same data may lack a class: compare class names, not
/// numbers.
public final class ImageFolder: ImageDataset {
  /// What to do about a file that cannot be read.
  public enum OnError: String, Sendable {
    /// Throw an error that names it.
    case fail
    /// Take the next readable one in cyclic order in its place, as if its index had been drawn, and note it in
    /// `skipped`.
    case skip
  }

  /// A file that is no image of the data set, and why.
  public struct LeftOutFile: Sendable, Equatable {
    public let path: FilePath
    public let reason: String
  }

  public let path: FilePath
  public let labels: [Int]?
  /// The names of the class folders, byte for byte; `classNames` has them as text.
  public let classFolders: [FilePath]
  public let classNames: [String]
  public let channels = 3
  /// What somebody should know about the folder, a line each: what was left out, why there are no labels.
  public let remarks: [String]
  private let onError: OnError
  private let files: PathTable
  private let leftOutFiles: LeftOutFiles
  private let unreadable = ForkSafe<[Int: String]>([:])

  /// - Parameters:
  ///   - path: the folder.
  ///   - onError: about files that turn out unreadable when they are loaded; nothing is opened before.
  /// - Throws: `DatasetError.folder`, `DatasetError.noImages`, `OutOfMemory`, `Interrupted`.
  public init(path: some FilePathConvertible, onError: OnError = .fail) throws {
    let path = path.filePath
    guard path.isUsable else { throw DatasetError.folder(path: path.text, problem: "the path names nothing") }
    let contents: FolderContents
    do {
      contents = try FolderContents(path)
    } catch let error as FileError {
      throw DatasetError.folder(path: path.text, problem: error.problem, system: error.systemError)
    }
    self.path = path
    self.onError = onError
    (files, leftOutFiles, remarks) = (contents.files, contents.leftOut, contents.remarks)
    (labels, classFolders) = (contents.labels, contents.classes)
    classNames = contents.classes.map(\.text)
  }

  public var count: Int { files.count }

  /// Path of the file at `index`, as the folder's path was given; nil where no image has this index.
  public func path(at index: Int) -> FilePath? { 0..<count ~= index ? files[index] : nil }

  /// Its bytes, in place as long as this object lives.
  func pathBytes(at index: Int) -> UnsafeRawBufferPointer { files.bytes(at: index) }

  /// The same in place, zero at the end, for as long as this object lives.
  public func cPath(at index: Int) -> UnsafePointer<CChar>? { 0..<count ~= index ? files.cString(at: index) : nil }

  /// How many files below the folder are no images of the data set.
  public var leftOutCount: Int { leftOutFiles.count }

  /// The file left out at `index`, 0 ..< leftOutCount; nil for another index.
  public func leftOut(at index: Int) -> LeftOutFile? {
    guard 0..<leftOutCount ~= index else { return nil }
    return LeftOutFile(path: leftOutFiles.paths[index], reason: leftOutFiles.reason(index).text)
  }

  /// Whether the image at `index` has turned out unreadable, and why.
  public func skipReason(at index: Int) -> String? { unreadable.withLock { $0[index] } }

  /// The indices of the files that turned out unreadable so far.
  public var skipped: [Int] { unreadable.withLock { $0.keys.sorted() } }

  /// The image in the file at `index`, whatever is done about errors.
  ///
  /// - Throws: `DatasetError.unreadable` with the file's path, `DatasetError.index`.
  public func image(at index: Int) throws -> Image {
    guard let path = path(at: index) else { throw DatasetError.index(index, count: count) }
    return try loadImage(path)
  }

  public func imageUnlessSkipped(at index: Int) throws -> Image? {
    guard onError == .skip else { return try image(at: index) }
    if skipReason(at: index) != nil { return nil }
    do {
      return try image(at: index)
    } catch DatasetError.unreadable(_, let problem, let kind, _) where kind != .memory {
      unreadable.withLock { $0[index] = problem }
      return nil
    }
  }
}
