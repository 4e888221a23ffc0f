import Files
import Compute
import Networks

/// Something that holds named tensors: a file, or arrays in memory.
public protocol TensorSource {
  var names: [String] { get }
  func shape(of name: String) throws -> [Int]
  /// What its elements are called, where they are no floating numbers; nil where they can be read.
  func unreadableType(of name: String) throws -> String?
  /// Copies a tensor's values; `buffer` holds as many as its shape says.
  func read(_ name: String, into buffer: UnsafeMutableBufferPointer<Float>) throws
}

extension SafetensorsFile: TensorSource {
  public func unreadableType(of name: String) throws -> String? {
    let type = try type(of: name)
    return type.isFloating ? nil : type.rawValue
  }
}

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

  public func unreadableType(of name: String) throws -> String? { nil }

  public func read(_ name: String, into buffer: UnsafeMutableBufferPointer<Float>) throws {
    _ = buffer.update(fromContentsOf: try array(name).values)
  }

  private func array(_ name: String) throws -> (shape: [Int], values: UnsafeBufferPointer<Float>) {
    guard let array = arrays[name] else { throw WeightsError(source: "arrays", problems: ["\(name) is missing"]) }
    return array
  }
}
