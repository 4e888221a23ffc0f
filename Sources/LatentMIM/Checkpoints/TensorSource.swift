import Files
import Compute
import Networks

/// Something that holds named tensors: a file, or arrays in memory.
public protocol TensorSource {
  var names: [String] { get }
  func shape(of name: String) throws -> [Int]
  /// Copies a tensor's values; `buffer` holds as many as its shape says.
  func read(_ name: String, into buffer: UnsafeMutableBufferPointer<Float>) throws
}

extension SafetensorsFile: TensorSource {}

/// Named arrays somewhere in memory, which must stay there while this is used.
public final class NamedArrays: TensorSource {
  private var arrays: [String: (shape: [Int], values: UnsafeBufferPointer<Float>)] = [:]

  public init() {}

  public var names: [String] { arrays.keys.sorted() }

  /// - Throws: `WeightsError` where `values` does not hold as many values as `shape` says.
  public func add(_ name: String, shape: [Int], values: UnsafeBufferPointer<Float>) throws {
    guard shape.reduce(1, *) == values.count else {
      throw WeightsError(
        source: "arrays", problems: ["\(name) has \(values.count) values, its shape \(shape) another number"])
    }
    arrays[name] = (shape, values)
  }

  public func shape(of name: String) throws -> [Int] { try array(name).shape }

  public func read(_ name: String, into buffer: UnsafeMutableBufferPointer<Float>) throws {
    _ = buffer.update(fromContentsOf: try array(name).values)
  }

  private func array(_ name: String) throws -> (shape: [Int], values: UnsafeBufferPointer<Float>) {
    guard let array = arrays[name] else { throw WeightsError(source: "arrays", problems: ["\(name) is missing"]) }
    return array
  }
}

/// Weights that do not fit the model: every problem at once.
public struct WeightsError: DescribedError, Equatable {
  public let kind = ErrorKind.value
  /// Where the weights came from.
  public let source: String
  public let problems: [String]

  public var description: String {
    "\(source): \(problems.count) \(problems.count == 1 ? "tensor does" : "tensors do") not fit the model:\n  "
      + problems.joined(separator: "\n  ")
  }
}

/// The tensors of a source under the names of this project: a `module.` in front, left by distributed training, is dropped.
struct WeightReader {
  let source: any TensorSource
  /// What messages call the source.
  let title: String
  private let originals: [String: String]

  init(_ source: any TensorSource, title: String) {
    self.source = source
    self.title = title
    let prefix = "module."
    originals = Dictionary(
      source.names.map { ($0.hasPrefix(prefix) ? String($0.dropFirst(prefix.count)) : $0, $0) },
      uniquingKeysWith: { first, _ in first })
  }

  var names: [String] { originals.keys.sorted() }

  func contains(_ name: String) -> Bool { originals[name] != nil }

  func shape(of name: String) throws -> [Int]? { try originals[name].map(source.shape(of:)) }

  /// The values of a tensor.
  func values(_ name: String) throws -> [Float]? {
    guard let original = originals[name] else { return nil }
    var values = [Float](repeating: 0, count: try source.shape(of: original).reduce(1, *))
    try values.withUnsafeMutableBufferPointer { try source.read(original, into: $0) }
    return values
  }

  /// Fills places from the source. Nothing is written unless everything fits.
  ///
  /// - Parameters:
  ///   - places: name, shape and memory of each tensor wanted.
  ///   - others: which further names may be there; one that is neither wanted nor allowed is a problem.
  /// - Throws: `WeightsError` listing all that is missing, misshapen or unexpected.
  func fill(_ places: [(name: String, shape: [Int], buffer: Buffer)], allowing others: (String) -> Bool) throws {
    var problems: [String] = []
    for place in places {
      guard let shape = try shape(of: place.name) else {
        problems.append("\(place.name) is missing (wanted \(place.shape))")
        continue
      }
      if shape != place.shape { problems.append("\(place.name) has shape \(shape), wanted \(place.shape)") }
    }
    let wanted = Set(places.map(\.name))
    problems += names.filter { !wanted.contains($0) && !others($0) }.map { "\($0) is not part of the model" }
    guard problems.isEmpty else { throw WeightsError(source: title, problems: problems) }
    for place in places {
      guard let original = originals[place.name] else { continue }
      try source.read(
        original, into: UnsafeMutableBufferPointer(start: place.buffer.pointer, count: place.buffer.count))
    }
  }
}

extension NamedParameter {
  var place: (name: String, shape: [Int], buffer: Buffer) { (name, parameter.shape, parameter.tensor.buffer) }
}
