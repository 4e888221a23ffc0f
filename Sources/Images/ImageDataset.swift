import Compute

/// Images by index, all with the same number of channels. Asked from several threads at once.
public protocol ImageDataset: Sendable {
  /// Images there are; their indices are 0 ..< count.
  var count: Int { get }
  /// Channels of every image.
  var channels: Int { get }
  /// One class index an image, or nil where nothing is known.
  var labels: [Int]? { get }
  /// Name of each class; empty where classes have no names.
  var classNames: [String] { get }

  /// The image at `index`.
  ///
  /// - Throws: where it cannot be read, or the index is out of range; the error names the image.
  func image(at index: Int) throws -> Image

  /// The image at `index`; nil where it cannot be read and the data set passes over such images.
  func imageUnlessSkipped(at index: Int) throws -> Image?
}

extension ImageDataset {
  public func imageUnlessSkipped(at index: Int) throws -> Image? { try image(at: index) }

  /// What the loader takes for `index`: the image, and the index it really has. They differ where an image cannot be read
  /// and is passed over: the next readable one takes its place, in cyclic order.
  public func readableImage(at index: Int) throws -> (index: Int, image: Image) {
    guard 0..<count ~= index else { throw DatasetError.index(index, count: count) }
    for distance in 0..<count {
      let candidate = (index + distance) % count
      if let image = try imageUnlessSkipped(at: candidate) { return (candidate, image) }
    }
    do {
      return (index, try image(at: index))
    } catch let error as DescribedError where error.kind != .memory {
      throw DatasetError.nothingReadable(count: count, example: error.description)
    }
  }
}

/// What can be wrong with a data set.
public enum DatasetError: DescribedError, Equatable {
  /// The folder cannot be opened or read.
  case folder(path: String, problem: String)
  /// No image file below the folder; `others` counts files of other kinds by their ending.
  case noImages(path: String, others: String)
  /// One file cannot be read or decoded. `fileKind` is what went wrong below.
  case unreadable(path: String, problem: String, fileKind: ErrorKind)
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
    case .unreadable(_, _, let kind): kind
    default: .value
    }
  }

  public var description: String {
    switch self {
    case .folder(let path, let problem): "cannot read the folder '\(path)': \(problem)"
    case .noImages(let path, let others):
      "no image file in '\(path)' or below, wanted \(ImageCodec.namesAndEndings): "
        + (others.isEmpty ? "it is empty" : "there are \(others)")
    case .unreadable(let path, let problem, _): "cannot read '\(path)': \(problem)"
    case .nothingReadable(let count, let example):
      "none of the \(count) images of the data set can be read; for one: \(example)"
    case .index(let index, let count): "image \(index) was asked for, the data set has images 0 ..< \(count)"
    case .labels(let problem), .subset(let problem): problem
    case .value(let value, let image):
      "image \(image) has a pixel of \(value), wanted are float32 values in 0 … 1 (or uint8 in 0 … 255)"
    }
  }
}
