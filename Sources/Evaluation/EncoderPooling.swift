import LatentMIM
import Tensors

extension Pooling {
  /// Pools what an encoder gives.
  ///
  /// - Parameter tokens: [B, N + 1, C], or [B, N, C] where the encoder has no class token.
  /// - Returns: [B, C].
  /// - Throws: `PoolingError`.
  func callAsFunction(_ tokens: Tensor, of encoder: Encoder) throws -> [Float] {
    try self(
      tokens.buffer.values, batch: tokens.shape[0], patches: tokens.shape[1] - (encoder.hasClassToken ? 1 : 0),
      width: tokens.shape[2], hasClassToken: encoder.hasClassToken)
  }
}

extension FeatureProtocol {
  /// The same for an encoder with or without class token: the mean of patches stands in for one that is missing.
  func adapted(hasClassToken: Bool) -> FeatureProtocol {
    guard pooling == .cls, !hasClassToken else { return self }
    var changed = self
    changed.pooling = .mean
    return changed
  }
}
