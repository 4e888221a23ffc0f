import Tensors

/// The patch similarity constraint (§3.5, eq. 8): how alike the patches of one image are is pulled towards γ, for
/// predictions and for visible tokens.
public struct SimilarityConstraint: Sendable {
  public let coefficient: Float
  public let form: DeviationForm

  public init(_ configuration: ModelConfiguration) {
    coefficient = Float(configuration.similarityCoefficient)
    form = configuration.similarityForm
  }

  /// The terms to add to the loss; none where the coefficient is 0.
  ///
  /// - Parameters:
  ///   - similarities: [B] each, the mean cosine between patches of one image.
  ///   - gamma: γ, the similarity wanted.
  /// - Throws: `ShapeError`, `OutOfMemory`.
  func terms(_ similarities: [Tensor], gamma: Float) throws -> [(factor: Float, term: Tensor)] {
    guard coefficient > 0 else { return [] }
    return try similarities.map { (coefficient, try squaredDeviation($0, from: gamma, form: form)) }
  }
}
