import Compute

/// What can be wrong with a data set.
public enum DatasetError: DescribedError, Equatable {
  /// The folder cannot be opened or read.
  case folder(path: String, problem: String, system: SystemError? = nil)
  /// No image file below the folder; `others` counts files of other kinds by their ending.
  case noImages(path: String, others: String)
  /// A list of no files.
  case noFiles
  /// One file cannot be read or decoded. `fileKind` is what went wrong below.
  case unreadable(path: String, problem: String, fileKind: ErrorKind, system: SystemError? = nil)
  /// The same of one of many files, whose set was not told to skip such.
  indirect case unskipped(DatasetError)
  /// Errors are skipped, and nothing is left.
  case nothingReadable(count: Int, example: String)
  /// The subset asked for is none.
  case subset(String)
  /// No image has this index.
  case index(Int, count: Int)
  /// Labels are not one a image, or not among the classes.
  case labels(String)
  /// One image of an array has a value that is not in 0 … 1.
  case value(Float, image: Int)

  public var kind: ErrorKind {
    switch self {
    case .folder: .io
    case .unreadable(_, _, let kind, _): kind
    case .unskipped(let error): error.kind
    default: .value
    }
  }

  public var systemError: SystemError? {
    switch self {
    case .folder(_, _, let system), .unreadable(_, _, _, let system): system
    case .unskipped(let error): error.systemError
    default: nil
    }
  }

  public var description: String {
    switch self {
    case .folder(let path, let problem, _): "cannot read the folder '\(path)': \(problem)"
    case .noImages(let path, let others):
      "no image file in '\(path)' or below, wanted \(ImageCodec.namesAndEndings): "
        + (others.isEmpty ? "it is empty" : "there are \(others)")
    case .noFiles: "a data set of no files was asked for, wanted at least 1"
    case .unreadable(let path, let problem, _, _): "cannot read '\(path)': \(problem)"
    case .unskipped(let error): "\(error); on_error='skip' goes on without such files"
    case .nothingReadable(let count, let example):
      "none of the \(count) images of the data set can be read; for one: \(example)"
    case .index(let index, let count): "image \(index) was asked for, the data set has images 0 ..< \(count)"
    case .labels(let problem), .subset(let problem): problem
    case .value(let value, let image):
      "image \(image) has a pixel of \(value), wanted float32 values in 0 … 1 (or uint8 in 0 … 255, uint16 in 0 … 65535)"
    }
  }
}
