import Files
import Networks

/// What of the online encoder is trained. What is behind its final norm always is, and so is its mask token.
public enum TrainedLayers: Sendable, Equatable {
  case all
  /// So many last blocks, and the final norm.
  case last(Int)
  /// Weights and biases of norms, and biases of linear layers.
  case normsAndBiases

  static let names = ["all", "norms_and_biases"]

  init(_ value: NumberOrName) {
    self =
      switch value {
      case .number(let blocks): .last(blocks)
      case .name(let name): name == Self.names[1] ? .normsAndBiases : .all
      }
  }

  var value: NumberOrName {
    switch self {
    case .all: .name(Self.names[0])
    case .last(let blocks): .number(blocks)
    case .normsAndBiases: .name(Self.names[1])
    }
  }

  /// As messages show it.
  var text: String {
    switch value {
    case .number(let blocks): "\(blocks)"
    case .name(let name): "'\(name)'"
    }
  }
}

extension ModelConfiguration {
  /// Whether a parameter of the encoder is trained.
  ///
  /// - Parameter name: without `encoder.`.
  func trains(_ name: String) -> Bool {
    if name.hasPrefix("head.") || name == "mask_token" { return true }
    if loraRank > 0 { return isAdapter(name) }
    switch trainLayers {
    case .all: return true
    case .normsAndBiases: return name.contains("norm") || name.hasSuffix(".bias")
    case .last(let count): return name.hasPrefix("norm.") || (blockNumber(name) ?? -1) >= depth - count
    }
  }
}
