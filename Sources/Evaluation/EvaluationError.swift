import Compute

/// What can be wrong with sets of features that shall be scored, or with the options of a protocol.
public enum EvaluationError: DescribedError, Equatable {
  /// A set has no labels.
  case noLabels(set: String)
  /// The protocol learns from a training set, and there is none.
  case noTrainingSet(scoring: String)
  /// The protocol learns from images, and there are features only.
  case noImages(scoring: String)
  /// The features of a set are not [count, width] with a row and a channel at least.
  case features(set: String, found: Int, count: Int, width: Int)
  /// Labels and features differ in number.
  case labels(set: String, found: Int, count: Int)
  /// A label is negative.
  case label(Int, set: String, row: Int)
  /// The two sets' features differ in width.
  case widths(train: Int, test: Int)
  /// A feature is infinite or NaN.
  case notFinite(set: String, row: Int, channel: Int)
  /// The test set has a class that the training set lacks.
  case unknownClass(String)
  /// A classifier wants two classes.
  case oneClass(scoring: String)
  /// Leave-one-out of a single image.
  case oneImage
  /// Ranks and similarities of fewer than two images.
  case nothingToCompare(images: Int)
  /// An image that could be read before cannot be any more.
  case changedImages
  /// More neighbours are asked for than the bank holds.
  case neighbors(k: Int, bank: Int)
  /// A class has fewer training images than shall be drawn of it.
  case tooFewImages(className: String, count: Int, wanted: Int)
  /// No protocol has this name.
  case unknownProtocol(String, known: [String])
  /// The loss left the finite numbers.
  case diverged(scoring: String, step: Int, learningRate: Double)

  public var kind: ErrorKind {
    if case .diverged = self { .notFinite } else { .value }
  }

  public var description: String { scoring.map { "\($0): \(problem)" } ?? problem }

  /// The protocol that it is of; nil: it is of sets and options alone.
  var scoring: String? {
    switch self {
    case .noTrainingSet(let scoring), .noImages(let scoring), .oneClass(let scoring),
      .diverged(let scoring, _, _):
      scoring
    case .oneImage: LeaveOneOut.name
    case .tooFewImages: FewShotTransfer.name
    case .nothingToCompare, .changedImages: WithoutLabels.name
    default: nil
    }
  }

  /// What is wrong, where it is known of which protocol.
  var problem: String {
    switch self {
    case .noLabels(let set):
      "the \(set) set has no labels: files in sub-folders have, and arrays given with labels"
    case .noTrainingSet: "there is no training set, and it learns from one"
    case .noImages: "learns from images, and there are features only"
    case .features(let set, let found, let count, let width):
      "\(set) set: \(found) values do not make features [\(count), \(width)] with a row and a channel at least"
    case .labels(let set, let found, let count):
      "\(found) labels do not go with the \(count) features of the \(set) set"
    case .label(let label, let set, let row): "row \(row) of the \(set) set has label \(label), wanted at least 0"
    case .widths(let train, let test):
      "features of the training set are \(train) wide, those of the test set \(test): wanted the same"
    case .notFinite(let set, let row, let channel):
      "the feature in row \(row), channel \(channel) of the \(set) set is not finite"
    case .unknownClass(let name): "the test set has the class \(name), of which the training set has no image"
    case .oneClass: "all training images are of one class, wanted two classes or more"
    case .oneImage: "the set holds one image, wanted two or more: each looks for its nearest among the others"
    case .nothingToCompare(let images):
      "\(images == 1 ? "there is one image" : "there are \(images) images") that can be read, wanted "
        + "two or more: they are compared"
    case .changedImages: "images that could be read cannot be read any more"
    case .neighbors(let k, let bank): "k is \(k), but the training set holds \(bank) images, wanted 1 … \(bank)"
    case .tooFewImages(let name, let count, let wanted):
      "class \(name) has \(count) training images, wanted \(wanted) or more"
    case .unknownProtocol(let name, let known):
      "protocol: \(quoted([name])) is unknown, wanted \(oneOf(known))"
    case .diverged(_, let step, let rate):
      "the loss is not finite at step \(step); a learning rate below \(rate) may help"
    }
  }
}
