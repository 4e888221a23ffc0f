import Compute
import Files
import Networks
import Tensors

/// The tensors of a source by name, without what training tools put into names (`module.`, `_orig_mod.` …).
struct WeightReader {
  let source: any TensorSource
  /// What messages call the source.
  let title: String
  private let originals: [String: String]

  init(_ source: any TensorSource, title: String) {
    self.source = source
    self.title = title
    originals = Dictionary(
      source.names.map { (withoutWrappers($0), $0) }, uniquingKeysWith: { $0.utf8.count <= $1.utf8.count ? $0 : $1 })
  }

  var names: [String] { originals.keys.sorted() }

  func contains(_ name: String) -> Bool { originals[name] != nil }

  func shape(of name: String) throws -> [Int]? { try originals[name].map(source.shape(of:)) }

  /// What the elements of a tensor are called, where they are no floating numbers.
  func unreadableType(of name: String) throws -> String? { try originals[name].flatMap(source.unreadableType(of:)) }

  /// How many values all tensors hold together.
  func valueCount() throws -> Int { try source.names.reduce(0) { $0 + (elementCount(try source.shape(of: $1)) ?? 0) } }

  /// Refuses a configuration that these tensors cannot be the weights of, before any memory is taken for it.
  ///
  /// - Throws: `WeightsError`.
  func checkSize(_ configuration: ModelConfiguration) throws {
    let (found, wanted) = (try valueCount(), configuration.leastParameterCount)
    guard found >= wanted else {
      throw WeightsError(
        source: title, problems: ["\(found) values in all, the configuration's encoder alone wants at least \(wanted)"])
    }
  }

  /// The values of a tensor.
  func values(_ name: String) throws -> [Float]? {
    guard let original = originals[name] else { return nil }
    var values = [Float](repeating: 0, count: try source.shape(of: original).reduce(1, *))
    try values.withUnsafeMutableBufferPointer { try source.read(original, into: $0) }
    return values
  }

  /// Fills places from the source. Nothing is written unless everything fits; where the system fails to read on the
  /// way, the contents are undefined.
  ///
  /// - Parameters:
  ///   - places: name, shape and memory of each tensor wanted.
  ///   - others: which further names may be there; one that is neither wanted nor allowed is a problem.
  /// - Throws: `WeightsError` listing all that is missing, misshapen or unexpected.
  func fill(_ places: [TensorSlot], allowing others: (String) -> Bool) throws {
    var problems: [String] = []
    for place in places {
      guard let shape = try shape(of: place.name) else {
        problems.append("\(place.name) is missing (wanted \(place.shape))")
        continue
      }
      if let original = originals[place.name], let type = try source.unreadableType(of: original) {
        problems.append("\(place.name) is stored as \(type), wanted floating numbers")
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
      place.packing?.forget()
    }
  }
}

/// A tensor that a file's values are read into.
struct TensorSlot {
  let name: String
  let shape: [Int]
  let buffer: Buffer
  var packing: PackingSlot?
}

extension NamedParameter {
  var place: TensorSlot {
    TensorSlot(name: name, shape: parameter.shape, buffer: parameter.tensor.buffer, packing: parameter.tensor.packing)
  }
}
