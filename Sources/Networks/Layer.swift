import Tensors

/// A piece of a network: its parameters and the layers inside it, under the published checkpoint's names.
public protocol Layer: AnyObject {
  var members: [Member] { get }
}

/// A named part of a layer.
public enum Member {
  case parameter(String, Parameter)
  case layer(String, any Layer)
}

/// A parameter with its full name, such as `encoder.blocks.0.attn.qkv.weight`.
public struct NamedParameter: Sendable {
  public let name: String
  public let parameter: Parameter
}

extension Layer {
  /// All parameters below this layer, in the order of the checkpoint, their names behind `prefix` and a dot.
  public func namedParameters(prefix: String = "") -> [NamedParameter] {
    members.flatMap { member -> [NamedParameter] in
      switch member {
      case .parameter(let name, let parameter): [NamedParameter(name: join(prefix, name), parameter: parameter)]
      case .layer(let name, let layer): layer.namedParameters(prefix: join(prefix, name))
      }
    }
  }

  /// Fills all parameters from the seed.
  public func initialize(prefix: String, seed: UInt64) {
    for named in namedParameters(prefix: prefix) { named.parameter.initialize(name: named.name, seed: seed) }
  }
}

private func join(_ prefix: String, _ name: String) -> String { prefix.isEmpty ? name : "\(prefix).\(name)" }

/// Layers in a row, named by their index.
public final class LayerList<Element: Layer>: Layer {
  public let elements: [Element]

  init(_ elements: [Element]) { self.elements = elements }

  public var members: [Member] { elements.enumerated().map { .layer("\($0.offset)", $0.element) } }
}
