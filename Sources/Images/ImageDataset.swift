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

  /// The image at `index`, perhaps not decoded yet.
  ///
  /// - Throws: where it cannot be read, or the index is out of range; the error names the image.
  func source(at index: Int) throws -> ImageSource

  /// What `use` makes of the image at `index`; nil where it cannot be read and the data set passes over such images.
  func unlessSkipped<Result>(at index: Int, _ use: (ImageSource) throws -> Result) throws -> Result?
}

extension ImageDataset {
  /// The image at `index`, decoded.
  ///
  /// - Throws: as `source(at:)`.
  public func image(at index: Int) throws -> Image { try source(at: index).pixels() }

  public func unlessSkipped<Result>(at index: Int, _ use: (ImageSource) throws -> Result) throws -> Result? {
    try use(source(at: index))
  }

  /// What `use` makes of the image that the loader takes for `index`, and the index it really has. They differ where an
  /// image cannot be read and is passed over: the next readable one takes its place, in cyclic order.
  ///
  /// - Parameter use: given the image and the index it really has.
  public func readable<Result>(
    at index: Int, _ use: (ImageSource, Int) throws -> Result
  ) throws -> (index: Int, result: Result) {
    guard 0..<count ~= index else { throw DatasetError.index(index, count: count) }
    for distance in 0..<count {
      let candidate = (index + distance) % count
      if let result = try unlessSkipped(at: candidate, { try use($0, candidate) }) { return (candidate, result) }
    }
    do {
      return (index, try use(source(at: index), index))
    } catch let error as DescribedError where error.kind != .memory {
      throw DatasetError.nothingReadable(count: count, example: error.description)
    }
  }
}
