import Compute
import Files

/// Reads and decodes an image file; see `decodeImage`.
///
/// - Throws: `DatasetError.unreadable` with the path and what is wrong.
public func loadImage(_ path: String) throws -> Image {
  guard !path.isEmpty, !path.utf8.contains(0) else {
    throw DatasetError.unreadable(path: path, problem: "the path names nothing", fileKind: .io)
  }
  return try loadImage(Array(path.utf8CString))
}

func loadImage(_ path: [CChar]) throws -> Image {
  do {
    return try decodeImage(ReadableFile(systemPath: path).contents())
  } catch let error as FileError {
    throw DatasetError.unreadable(path: pathText(path), problem: error.problem, fileKind: error.kind)
  } catch let error as DescribedError {
    throw DatasetError.unreadable(path: pathText(path), problem: error.description, fileKind: error.kind)
  }
}
