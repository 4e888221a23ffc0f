import Networks
import Tensors

/// MoCo v3's loss between two crops of each image (Chen et al. 2021), on mean-pooled projected tokens: what a predictor
/// makes of one crop's shall be most like the momentum encoder's of the same image's other crop, among all images of
/// the batch.
struct CropContrast {
  let coefficient: Float
  let temperature: Float

  init(_ configuration: ModelConfiguration) {
    (coefficient, temperature) = (Float(configuration.contrastCoefficient), Float(configuration.contrastTemperature))
  }

  /// 2τ · cross-entropy, both ways.
  ///
  /// - Parameters:
  ///   - queries: predictions from each crop, [B, C] both.
  ///   - keys: the momentum encoder's of each crop, [B, C] both.
  /// - Returns: a single number.
  /// - Throws: `ShapeError`, `OutOfMemory`.
  func callAsFunction(queries: (Tensor, Tensor), keys: (Tensor, Tensor)) throws -> Tensor {
    func term(_ query: Tensor, _ key: Tensor) throws -> Tensor {
      let shape = [1] + query.shape
      return try patchContrast(
        normalize(query).reshaped(shape), normalize(key).reshaped(shape), temperature: temperature)
    }
    let factor = 2 * temperature
    return try weightedSum([(factor, term(queries.0, keys.1)), (factor, term(queries.1, keys.0))])
  }
}
