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

  /// What the loader takes for `index`: the image, and the index it really has. They differ where a data set replaces
  /// images that cannot be read.
  func readableImage(at index: Int) throws -> (index: Int, image: Image)
}

extension ImageDataset {
  public func readableImage(at index: Int) throws -> (index: Int, image: Image) { (index, try image(at: index)) }
}

/// What can be wrong with a data set.
public enum DatasetError: DescribedError, Equatable {
  /// The folder cannot be opened or read.
  case folder(path: String, problem: String, system: SystemError? = nil)
  /// No JPEG file below the folder; `others` counts files of other kinds by their ending.
  case noImages(path: String, others: [String: Int])
  /// One file cannot be read or decoded. `fileKind` is what went wrong below.
  case unreadable(path: String, problem: String, fileKind: ErrorKind, system: SystemError? = nil)
  /// Errors are skipped, and nothing is left.
  case nothingReadable(path: String, count: Int, first: String)
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
    default: .value
    }
  }

  public var systemError: SystemError? {
    switch self {
    case .folder(_, _, let system), .unreadable(_, _, _, let system): system
    default: nil
    }
  }

  public var description: String {
    switch self {
    case .folder(let path, let problem, _): "cannot read the folder '\(path)': \(problem)"
    case .noImages(let path, let others):
      "no JPEG file (.jpg, .jpeg) in '\(path)' or below: "
        + (others.isEmpty ? "it is empty" : "there are \(Self.list(others))")
    case .unreadable(let path, let problem, _, _): "cannot read '\(path)': \(problem)"
    case .nothingReadable(let path, let count, let first):
      "none of the \(count) JPEG files in '\(path)' can be read; the first: \(first)"
    case .index(let index, let count): "image \(index) was asked for, the data set has images 0 ..< \(count)"
    case .labels(let problem): problem
    case .value(let value, let image):
      "image \(image) has a pixel of \(value), wanted float32 values in 0 … 1 (or uint8 in 0 … 255)"
    }
  }

  private static func list(_ counts: [String: Int]) -> String {
    let named = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    let shown = named.prefix(5).map { "\($0.value) \($0.key.isEmpty ? "without an ending" : "." + $0.key)" }
    return shown.joined(separator: ", ") + (named.count > 5 ? " and others" : "")
  }
}
