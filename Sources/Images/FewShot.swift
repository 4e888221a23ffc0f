import Compute

/// A class has fewer images than are to be drawn of each.
public struct TooFewImages: DescribedError, Equatable {
  /// The class's number among those there are.
  public let number: Int
  public let className: String
  public let count: Int
  public let wanted: Int

  public var kind: ErrorKind { .value }
  public var description: String { "class \(className) has \(count) images, wanted \(wanted) or more" }
}

/// Draws `shots` images of every class, class by class.
///
/// - Parameters:
///   - classes: each image's class, 0 ..< classCount.
///   - className: for errors.
/// - Throws: `TooFewImages`.
public func drawFewShots(
  _ shots: Int, classes: [Int], classCount: Int, seed: UInt64, className: (Int) -> String
) throws -> [Int] {
  var members = [[Int]](repeating: [], count: classCount)
  for (row, number) in classes.enumerated() { members[number].append(row) }
  return try members.enumerated().flatMap { number, rows in
    guard rows.count >= shots else {
      throw TooFewImages(number: number, className: className(number), count: rows.count, wanted: shots)
    }
    // Item 0 of a seed's shuffles is the order of a linear classifier's batches.
    let order = RandomStream(seed: seed, purpose: .shuffle, item: number + 1).permutation(of: rows.count)
    return order.prefix(shots).map { rows[$0] }
  }
}

extension ImageDataset {
  /// `shots` images of every class that has any, drawn as in the protocol `few_shot`.
  ///
  /// - Throws: `TooFewImages`, `DatasetError.labels` where there are no labels.
  public func fewShots(_ shots: Int, seed: UInt64) throws -> [Int] {
    guard let labels else {
      throw DatasetError.labels("few shots are drawn of each class, and the data set has no labels")
    }
    guard shots > 0 else {
      throw DatasetError.subset("\(shots) images of each class were asked for, wanted at least 1")
    }
    let present = Set(labels).sorted()
    let numbers = Dictionary(uniqueKeysWithValues: present.enumerated().map { ($1, $0) })
    return try drawFewShots(
      shots, classes: labels.map { numbers[$0] ?? 0 }, classCount: present.count, seed: seed
    ) {
      classNames.indices ~= present[$0] ? "'\(classNames[present[$0]])'" : "\(present[$0])"
    }
  }
}
