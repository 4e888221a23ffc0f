import Compute
import LatentMIM
import Tensors

extension Pooling {
  /// Pools what an encoder gives.
  ///
  /// - Parameters:
  ///   - tokens: [B, N + 1, C], or [B, N, C] where the encoder has no class token; or [layers, B, …].
  ///   - tap: where they were taken.
  /// - Returns: [B, width], or [B, layers · width], those of a layer behind those of the one before.
  /// - Throws: `PoolingError`, `OutOfMemory`.
  func callAsFunction(_ tokens: Tensor, of encoder: Encoder, tap: FeatureTap) throws -> Buffer {
    let sizes = Array(tokens.shape.suffix(3))
    let layers = tokens.shape.count > 3 ? tokens.shape[0] : 1
    let pooled = try self(
      tokens.buffer.values, batch: layers * sizes[0], patches: sizes[1] - (encoder.hasClassToken ? 1 : 0),
      width: sizes[2], hasClassToken: encoder.hasClassToken)
    if case .mean = self, tap.normed, tap.part == .tokens { try encoder.norm(pooled: pooled) }
    guard layers > 1 else { return pooled }
    let images = sizes[0]
    let width = pooled.count / (layers * images)
    let rows = try Buffer(count: pooled.count)
    for layer in 0..<layers {
      for image in 0..<images {
        let place = rows.pointer + (image * layers + layer) * width
        place.update(from: pooled.pointer + (layer * images + image) * width, count: width)
      }
    }
    return rows
  }
}
