import Compute
import Files

/// Reads and decodes an image file; see `decodeImage`.
///
/// - Throws: `DatasetError.unreadable` with the path and what is wrong.
public func loadImage(_ path: some FilePathConvertible) throws -> Image {
  do {
    return try decodeImage(ReadableFile(path: path).contents())
  } catch let error as FileError {
    throw DatasetError.unreadable(
      path: path.filePath.text, problem: error.problem, fileKind: error.kind, system: error.systemError)
  } catch let error as DescribedError {
    throw DatasetError.unreadable(path: path.filePath.text, problem: error.description, fileKind: error.kind)
  }
}
