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
  /// What tells it from another data set of the same size: see `DataFingerprint`.
  var fingerprint: DataFingerprint { get }

  /// The image at `index`.
  ///
  /// - Throws: where it cannot be read, or the index is out of range; the error names the image.
  func image(at index: Int) throws -> Image

  /// The image at `index`; nil where it cannot be read and the data set passes over such images.
  func imageUnlessSkipped(at index: Int) throws -> Image?
}

extension ImageDataset {
  public func imageUnlessSkipped(at index: Int) throws -> Image? { try image(at: index) }

  /// What the loader takes for `index`: the image, and the index it really has. They differ where an image cannot be
  /// read and is passed over: the next readable one takes its place, in cyclic order.
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
