import Networks
import Tensors

/// What features are of a layer.
public enum TokenPart: String, Sendable, CaseIterable {
  /// The tokens behind a block.
  case tokens
  /// What the block's attention reads of the tokens before it.
  case queries, keys, values

  /// nil: the tokens themselves.
  var ofAttention: AttentionPart? {
    switch self {
    case .tokens: nil
    case .queries: .queries
    case .keys: .keys
    case .values: .values
    }
  }
}

/// Where in the encoder features are taken.
public struct FeatureTap: Sendable, Equatable {
  /// Behind which blocks: 0 … depth; nil: the last. 1 … depth where the part is one of attention.
  public var layers: [Int]?
  public var part: TokenPart
  /// Whether the final norm is applied; it is never to queries, keys and values.
  public var normed: Bool
  /// Whether the projector is applied, behind the norm.
  public var projected: Bool

  public init(layers: [Int]? = nil, part: TokenPart = .tokens, normed: Bool = true, projected: Bool = false) {
    (self.layers, self.part, self.normed, self.projected) = (layers, part, normed, projected)
  }

  /// One layer.
  public init(layer: Int, part: TokenPart = .tokens, normed: Bool = true, projected: Bool = false) {
    self.init(layers: [layer], part: part, normed: normed, projected: projected)
  }

  /// How many layers it takes.
  public var layerCount: Int { layers?.count ?? 1 }
}

extension Encoder {
  /// The layers of a tap.
  ///
  /// - Throws: `ShapeError` where the tap asks for what this encoder does not have.
  func layers(_ tap: FeatureTap) throws -> [Int] {
    let layers = tap.layers ?? [configuration.depth]
    let first = tap.part == .tokens ? 0 : 1
    if let wrong = layers.first(where: { $0 < first || $0 > configuration.depth }) {
      let what = tap.part == .tokens ? "" : " for \(tap.part.rawValue), which belong to a block"
      throw ShapeError("features", "layer is \(wrong), wanted \(first) … \(configuration.depth)\(what)")
    }
    guard !layers.isEmpty else { throw ShapeError("features", "layer is an empty list, wanted at least one") }
    guard tap.projected else { return layers }
    if network.projector == nil {
      throw ShapeError("features", "the projector's output was asked for, this encoder has none")
    }
    if !tap.normed {
      throw ShapeError("features", "the projector reads normed tokens; norm: false does not go with it")
    }
    if tap.part != .tokens {
      throw ShapeError("features", "the projector reads tokens; part: \(tap.part.rawValue) does not go with it")
    }
    return layers
  }
}
