import Compute

/// Some images of a data set, in an order of their own, as a data set: labels, classes and what is done about
/// unreadable images are those of `base`.
public final class ImageSubset: ImageDataset {
  /// What the images are taken from: no subset itself.
  public let base: any ImageDataset
  /// The number in `base` of each image.
  public let indices: [Int]
  public let labels: [Int]?

  /// - Parameters:
  ///   - base: the data set, perhaps a subset.
  ///   - indices: in any order, also repeated; at least one.
  /// - Throws: `DatasetError.index`, `DatasetError.subset`, `OutOfMemory`.
  public init(of base: any ImageDataset, indices: [Int]) throws {
    guard !indices.isEmpty else { throw DatasetError.subset("a subset of no images was asked for, wanted at least 1") }
    if let wrong = indices.first(where: { !(0..<base.count ~= $0) }) {
      throw DatasetError.index(wrong, count: base.count)
    }
    try OutOfMemory.check(for: indices.count, of: (Int, Int).self)
    if let subset = base as? ImageSubset {
      self.base = subset.base
      self.indices = indices.map { subset.indices[$0] }
    } else {
      (self.base, self.indices) = (base, indices)
    }
    labels = base.labels.map { labels in indices.map { labels[$0] } }
  }

  public var count: Int { indices.count }
  public var channels: Int { base.channels }
  public var classNames: [String] { base.classNames }

  public func source(at index: Int) throws -> ImageSource {
    guard indices.indices ~= index else { throw DatasetError.index(index, count: count) }
    return try base.source(at: indices[index])
  }

  public func unlessSkipped<Result>(at index: Int, _ use: (ImageSource) throws -> Result) throws -> Result? {
    guard indices.indices ~= index else { throw DatasetError.index(index, count: count) }
    return try base.unlessSkipped(at: indices[index], use)
  }
}
