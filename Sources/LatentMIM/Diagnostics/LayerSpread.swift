import Compute
import Networks
import Tensors

/// How far apart images lie behind one layer of an encoder: of their mean patch tokens.
public struct LayerSpread: Sendable, Equatable {
  /// 0 (the embedded patches) … depth; before the final norm.
  public let layer: Int
  /// How many directions they spread over (`Spectrum`); at most images − 1. It says nothing where `similarity` is near
  /// 1.
  public let effectiveRank: Double
  /// Mean cosine between different images; 1 is collapse.
  public let similarity: Double
}

extension Encoder {
  /// The spread of images behind every layer: where representations collapse first, and how much of the width is used.
  ///
  /// - Parameters:
  ///   - images: [B, H, W, channels], normalised; B ≥ 2, H and W divisible by the patch size.
  ///   - precision: what the operands of products are rounded to.
  /// - Returns: one for each layer, 0 … depth.
  /// - Throws: as `features`; `ShapeError` for fewer than two images.
  public func spread(_ images: Tensor, precision: Precision = .float32) throws -> [LayerSpread] {
    guard images.shape.count == 4, images.shape[0] >= 2 else {
      throw ShapeError("spread", "images have shape \(images.shape), wanted at least two images [B, H, W, channels]")
    }
    var pooled = [PooledTokens](repeating: PooledTokens(), count: configuration.depth + 1)
    try eachLayer(of: images, precision: precision) { layer, tokens in
      let patches = try (0..<network.leadingTokens).reduce(tokens) { tokens, _ in try dropFirstToken(tokens) }
      try pooled[layer].add(patches)
    }
    return try pooled.enumerated().map { layer, tokens in
      let (similarity, rank) = try tokens.similarityAndRank()
      return LayerSpread(layer: layer, effectiveRank: rank, similarity: similarity)
    }
  }
}
