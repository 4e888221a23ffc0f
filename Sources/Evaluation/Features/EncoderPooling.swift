import Compute
import LatentMIM
import Tensors

extension Pooling {
  /// Pools what an encoder gives.
  ///
  /// - Parameter tokens: [B, N + 1, C], or [B, N, C] where the encoder has no class token.
  /// - Returns: [B, width].
  /// - Throws: `PoolingError`, `OutOfMemory`.
  func callAsFunction(_ tokens: Tensor, of encoder: Encoder) throws -> Buffer {
    try self(
      tokens.buffer.values, batch: tokens.shape[0], patches: tokens.shape[1] - (encoder.hasClassToken ? 1 : 0),
      width: tokens.shape[2], hasClassToken: encoder.hasClassToken)
  }
}
