import Images
import LatentMIM
import Networks
import Tensors

/// How an image becomes one vector: how it is framed, where features are taken and how exactly, how its tokens are
/// pooled.
public struct FeatureProtocol: Sendable, Equatable {
  public var framing: EvaluationTransform.Framing
  public var tap: FeatureTap
  public var pooling: Pooling
  public var precision = Precision.float32
  public var scaling = PositionScaling.span
  /// Pixels from a patch to the next; nil: the patch size.
  public var stride: Int?

  /// The paper's nearest-neighbour protocol (`nn`): short side to g·P/.875, centre crop g·P (the whole image brought to
  /// the grid's size where the grid is not square), mean of the patch tokens before the final norm.
  public static func nearestNeighbor(for model: ModelConfiguration) -> FeatureProtocol {
    let side = model.imageHeight
    let framing: EvaluationTransform.Framing =
      side == model.imageWidth
      ? .centerCrop(resize: Int((Double(side) / 0.875).rounded()), crop: side)
      : .squash(height: side, width: model.imageWidth)
    return FeatureProtocol(framing: framing, tap: FeatureTap(normed: false), pooling: .mean)
  }

  var pass: FeaturePass {
    FeaturePass(framing: framing, tap: tap, precision: precision, scaling: scaling, stride: stride)
  }

  /// Numbers in the vector of an image.
  ///
  /// - Throws: `ShapeError`, `ImageError` where the framing does not go with the encoder.
  public func width(of encoder: Encoder) throws -> Int {
    try pass.width(encoder, pooling)
  }

  /// Features of images of a data set, in inference mode.
  ///
  /// - Parameter indices: which images.
  /// - Returns: [count, width], in the order of `indices`; NaN in the row of an image that the data set skips because
  ///   it cannot be read.
  /// - Throws: errors of the data set and of `Encoder.features`, `PoolingError`, `Interrupted`.
  public func features(_ encoder: Encoder, _ dataset: any ImageDataset, indices: [Int]) throws -> Tensor {
    let found = try pass.features(encoder, dataset, indices: indices, poolings: [pooling])
    let (rows, width) = (found.vectors[0], found.widths[0])
    for (row, image) in indices.enumerated() where found.images[row] != image {
      (rows.pointer + row * width).update(repeating: .nan, count: width)
    }
    return try Tensor(shape: [indices.count, width], buffer: rows)
  }

  /// What a table says of it: "last block, after norm, cls", and what is not as usual.
  public func description(for model: ModelConfiguration) -> String {
    let norm = tap.projected ? "projector" : tap.normed ? "after norm" : "before norm"
    let what = tap.part == .tokens ? norm : tap.part.rawValue
    let usual = framing == FeatureProtocol.nearestNeighbor(for: model).framing
    return [
      layerDescription(for: model), what, pooling.description, usual ? nil : framingDescription,
      stride.flatMap { $0 == model.patchSize ? nil : "stride \($0)" },
      scaling == .span ? nil : "positions extended", precision == .float32 ? nil : precision.rawValue,
    ].compactMap { $0 }.joined(separator: ", ")
  }

  private func layerDescription(for model: ModelConfiguration) -> String {
    let layers = tap.layers ?? [model.depth]
    if layers == [model.depth] { return "last block" }
    return "block\(layers.count > 1 ? "s" : "") \(layers.map(String.init).joined(separator: " + "))"
  }

  private var framingDescription: String {
    switch framing {
    case .centerCrop(let resize, let crop): "short side \(resize), centre \(crop)×\(crop)"
    case .squash(let height, let width): "whole image as \(height)×\(width)"
    }
  }

  /// The same for an encoder with or without class token: the mean of patches stands in for one that is missing.
  func adapted(hasClassToken: Bool) -> FeatureProtocol {
    guard pooling == .cls, !hasClassToken else { return self }
    var changed = self
    changed.pooling = .mean
    return changed
  }
}
