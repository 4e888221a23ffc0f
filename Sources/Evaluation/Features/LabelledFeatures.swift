import Compute
import Images
import LatentMIM

/// Feature vectors of images whose classes are known.
public struct LabelledFeatures: @unchecked Sendable {
  /// What messages call the set: "training" or "test".
  public let set: String
  /// [count, width], row-major, finite.
  public let start: UnsafePointer<Float>
  public let count: Int
  public let width: Int
  /// [count], at least 0.
  public let labels: [Int]
  /// Name of each class; empty where classes have no names.
  public let classNames: [String]
  /// [count], the index of each row's image in its data set.
  public let images: [Int]
  /// What the rows lie in; nil where they are borrowed.
  private let memory: Buffer?

  public var values: UnsafeBufferPointer<Float> { UnsafeBufferPointer(start: start, count: count * width) }

  /// - Parameters:
  ///   - vectors: [count, width], row-major, finite, at least one row.
  ///   - labels: [count], not negative; nil where nothing is known, which is an error.
  ///   - images: [count]; 0 ..< count where not given.
  /// - Throws: `EvaluationError`.
  public init(
    set: String, vectors: Buffer, count: Int, width: Int, labels: [Int]?, classNames: [String] = [],
    images: [Int]? = nil
  ) throws {
    try self.init(
      set: set, vectors.values, memory: vectors, count: count, width: width, labels: labels, classNames: classNames,
      images: images)
  }

  /// Features that lie elsewhere and are not copied.
  ///
  /// - Parameter vectors: [count, width], row-major, finite, at least one row. They must stay as they are while this is
  ///   in use.
  /// - Throws: `EvaluationError`.
  public init(
    set: String, borrowing vectors: UnsafeBufferPointer<Float>, count: Int, width: Int, labels: [Int]?
  ) throws {
    try self.init(
      set: set, vectors, memory: nil, count: count, width: width, labels: labels, classNames: [], images: nil)
  }

  private init(
    set: String, _ vectors: UnsafeBufferPointer<Float>, memory: Buffer?, count: Int, width: Int, labels: [Int]?,
    classNames: [String], images: [Int]?
  ) throws {
    guard count >= 1, width >= 1, elementCount([count, width]) == vectors.count, let start = vectors.baseAddress else {
      throw EvaluationError.features(set: set, found: vectors.count, count: count, width: width)
    }
    guard let labels else { throw EvaluationError.noLabels(set: set) }
    guard labels.count == count else { throw EvaluationError.labels(set: set, found: labels.count, count: count) }
    if let row = labels.firstIndex(where: { $0 < 0 }) {
      throw EvaluationError.label(labels[row], set: set, row: row)
    }
    if let bad = vectors.firstIndex(where: { !$0.isFinite }) {
      throw EvaluationError.notFinite(set: set, row: bad / width, channel: bad % width)
    }
    (self.set, self.start, self.memory, self.count, self.width) = (set, start, memory, count, width)
    (self.labels, self.classNames) = (labels, classNames)
    self.images = images ?? Array(0..<count)
  }

  /// Copies rows one after the other.
  func gather(_ rows: [Int], into place: UnsafeMutablePointer<Float>) {
    for (index, row) in rows.enumerated() {
      (place + index * width).update(from: start + row * width, count: width)
    }
  }

  /// What messages call a class.
  func name(ofClass label: Int) -> String {
    classNames.indices.contains(label) ? "'\(classNames[label])'" : "\(label)"
  }
}

/// The classes of a training set, numbered 0 ..< count in the order of its labels, and those of a test set among them.
public struct ClassNumbers: Sendable {
  /// The training set's label of each class, ascending.
  public let labels: [Int]
  /// [test images], the class of each.
  public let ofTest: [Int]
  private let numbers: [Int: Int]

  public var count: Int { labels.count }

  /// Test classes are found by name where both sets have names, else by label.
  ///
  /// - Throws: `EvaluationError.unknownClass`.
  public init(train: [Int], trainNames: [String], test: LabelledFeatures) throws {
    let labels = Set(train).sorted()
    let numbers = Dictionary(uniqueKeysWithValues: labels.enumerated().map { ($1, $0) })
    let byName = !trainNames.isEmpty && !test.classNames.isEmpty
    let labelOfName = Dictionary(trainNames.enumerated().map { ($1, $0) }) { first, _ in first }
    func trainingClass(_ label: Int) -> Int? {
      guard byName else { return numbers[label] }
      guard test.classNames.indices.contains(label) else { return nil }
      return labelOfName[test.classNames[label]].flatMap { numbers[$0] }
    }
    ofTest = try test.labels.map { label in
      guard let found = trainingClass(label) else { throw EvaluationError.unknownClass(test.name(ofClass: label)) }
      return found
    }
    (self.labels, self.numbers) = (labels, numbers)
  }

  /// The class of a label of the training set.
  func number(ofTraining label: Int) -> Int { numbers[label] ?? 0 }

  /// The share of test images whose predicted class is theirs.
  func accuracy(of predictions: [Int]) -> Double {
    Double(zip(predictions, ofTest).count { $0 == $1 }) / Double(ofTest.count)
  }
}

/// A training and a test set over the same classes.
public struct ClassificationTask: Sendable {
  public let train: LabelledFeatures
  public let test: LabelledFeatures
  public let classes: ClassNumbers
  /// [training images], the class of each.
  public let trainClasses: [Int]

  public var classCount: Int { classes.count }

  /// - Throws: `EvaluationError.widths`, `.unknownClass`.
  public init(train: LabelledFeatures, test: LabelledFeatures) throws {
    guard train.width == test.width else { throw EvaluationError.widths(train: train.width, test: test.width) }
    let classes = try ClassNumbers(train: train.labels, trainNames: train.classNames, test: test)
    (self.train, self.test, self.classes) = (train, test, classes)
    trainClasses = train.labels.map { classes.number(ofTraining: $0) }
  }
}
