import Files
import Compute

/// The JPEG files below a folder (.jpg and .jpeg in any case; hidden files and folders are left out), as RGB images.
///
/// Where all files lie in sub-folders, each sub-folder that has any is a class, numbered in the order of the names'
/// bytes, and `labels` are known. Where files lie in the folder itself, there are no classes. Files are sorted folder
/// by folder. Another split of the same data may lack a class: compare class names, not numbers.
public final class ImageFolder: ImageDataset {
  /// What to do about a file that cannot be read.
  public enum OnError: String, Sendable {
    /// Throw an error that names it.
    case fail
    /// Take the next readable one in cyclic order in its place, as if its index had been drawn, and note it in
    /// `skipped`.
    case skip
  }

  /// A file that was passed over, and why.
  public struct SkippedFile: Sendable, Equatable {
    public let path: String
    public let reason: String
  }

  public let path: String
  public let labels: [Int]?
  public let classNames: [String]
  public let channels = 3
  private let onError: OnError
  private let files: [[CChar]]
  private let unreadable = ForkSafe<[Int: String]>([:])

  /// - Parameters:
  ///   - path: the folder.
  ///   - onError: about files that turn out unreadable when they are loaded; nothing is opened before.
  /// - Throws: `DatasetError.folder`, `DatasetError.noImages`, `Interrupted`.
  public init(path: String, onError: OnError = .fail) throws {
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw DatasetError.folder(path: path, problem: "the path names nothing")
    }
    let scan: FolderScan
    do {
      scan = try FolderScan(Array(path.utf8CString))
    } catch let error as FileError {
      throw DatasetError.folder(path: path, problem: error.problem, system: error.systemError)
    }
    guard !scan.files.isEmpty else { throw DatasetError.noImages(path: path, others: scan.others) }
    let hasClasses = scan.files.allSatisfy { $0.label >= 0 }
    self.path = path
    self.onError = onError
    files = scan.files.map(\.path)
    labels = hasClasses ? scan.files.map(\.label) : nil
    classNames = hasClasses ? scan.classNames : []
  }

  public var count: Int { files.count }

  /// Path of the file at `index`, as the folder's path was given; nil where no image has this index.
  public func path(at index: Int) -> String? { files.indices ~= index ? pathText(files[index]) : nil }

  /// The path of every file, in the order of the indices.
  public var paths: [String] { files.map { pathText($0) } }

  /// The files that turned out unreadable so far, in the order of their indices.
  public var skipped: [SkippedFile] {
    unreadable.withLock { $0 }.sorted { $0.key < $1.key }
      .map { SkippedFile(path: pathText(files[$0.key]), reason: $0.value) }
  }

  /// The image in the file at `index`, whatever is done about errors.
  ///
  /// - Throws: `DatasetError.unreadable` with the file's path, `DatasetError.index`.
  public func image(at index: Int) throws -> Image {
    guard files.indices ~= index else { throw DatasetError.index(index, count: count) }
    return try loadJPEG(files[index])
  }

  public func readableImage(at index: Int) throws -> (index: Int, image: Image) {
    guard onError == .skip, files.indices ~= index else { return (index, try image(at: index)) }
    for distance in 0..<count {
      let candidate = (index + distance) % count
      if unreadable.withLock({ $0[candidate] != nil }) { continue }
      do {
        return (candidate, try image(at: candidate))
      } catch DatasetError.unreadable(_, let problem, let kind, _) where kind != .memory {
        unreadable.withLock { $0[candidate] = problem }
      }
    }
    throw DatasetError.nothingReadable(path: path, count: count, first: skipped.first?.reason ?? "")
  }
}
