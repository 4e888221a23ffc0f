import Compute
import Tensors

/// How a parameter starts.
public enum Initialization: Sendable {
  case zeros
  case ones
  /// Normal with the std given.
  case normal(std: Float)
  /// Uniform in ±√(6/(in + out)) of the stored matrix [out, in].
  case xavierUniform
  /// These values.
  case values([Float])
}

/// A tensor that training changes in place. Its gradient collects in `tensor.gradient`.
public final class Parameter: @unchecked Sendable {
  /// A constant where it is not trained.
  public private(set) var tensor: Tensor
  let initialization: Initialization

  /// A parameter of zeros, until `initialize` fills it.
  ///
  /// - Throws: `ShapeError` where a size is not positive, `OutOfMemory`.
  public init(_ shape: [Int], _ initialization: Initialization) throws {
    guard let count = elementCount(shape), count > 0 else {
      throw ShapeError("parameter", "shape is \(shape), wanted positive sizes")
    }
    tensor = try Tensor.leaf(shape: shape, buffer: Buffer(count: count, repeating: 0))
    self.initialization = initialization
  }

  public var shape: [Int] { tensor.shape }
  public var isTrained: Bool { tensor.gradient != nil }

  /// Takes over values.
  ///
  /// - Parameter values: as many.
  public func fill(_ values: Tensor) {
    precondition(values.count == tensor.count, "values of another shape")
    tensor.packing?.forget()
    tensor.pointer.update(from: values.pointer, count: values.count)
  }

  /// Makes it a constant, for which no gradient is computed.
  public func freeze() { tensor = tensor.detached }

  /// Fills the parameter from random numbers that depend on the seed and its name alone.
  func initialize(name: String, seed: UInt64) {
    let values = UnsafeMutableBufferPointer(start: tensor.pointer, count: tensor.count)
    let stream = RandomStream(seed: seed, purpose: .initialisation, item: nameHash(name))
    tensor.packing?.forget()
    switch initialization {
    case .zeros: values.update(repeating: 0)
    case .ones: values.update(repeating: 1)
    case .normal(let std):
      for index in values.indices { values[index] = std * stream.normal(at: index) }
    case .values(let start): for (index, value) in zip(values.indices, start) { values[index] = value }
    case .xavierUniform:
      let bound = (6 / Float(shape.reduce(0, +))).squareRoot()
      parallelElements(values.count) { range in
        for index in range { values[index] = bound * (2 * stream.uniform(at: index) - 1) }
      }
    }
  }
}

/// FNV-1a, 32 bits: the same for a name on every machine.
private func nameHash(_ name: String) -> Int {
  Int(name.utf8.reduce(UInt32(2_166_136_261)) { ($0 ^ UInt32($1)) &* 16_777_619 })
}
