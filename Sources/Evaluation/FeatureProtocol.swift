import Files
import Compute
import Images
import LatentMIM
import Tensors

/// How an image becomes one vector: how it is framed, where features are taken, how its tokens are pooled.
public struct FeatureProtocol: Sendable, Equatable {
  public var framing: EvaluationTransform.Framing
  public var tap: FeatureTap
  public var pooling: Pooling

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

}

extension FeatureProtocol {
  /// Reads options over `defaults` (`nn` where not given): `resize` (pixels of the short side, 0: no crop, the whole
  /// image), `height`, `width`, `layer`, `norm`, `projector`, `pooling`, `k`.
  ///
  /// - Throws: `JSONError`, `PoolingError`, `ShapeError`.
  public init(json: JSONCursor, for model: ModelConfiguration, over defaults: FeatureProtocol? = nil) throws {
    self = defaults ?? .nearestNeighbor(for: model)
    try json.refuseKeys(otherThan: ["resize", "height", "width", "layer", "norm", "projector", "pooling", "k"])
    tap = FeatureTap(
      layer: try json.optionalMember("layer")?.int() ?? tap.layer,
      normed: try json.optionalMember("norm")?.bool() ?? tap.normed,
      projected: try json.optionalMember("projector")?.bool() ?? tap.projected)
    if let name = try json.optionalMember("pooling")?.string() {
      pooling = try Pooling(name: name, k: json.optionalMember("k")?.int() ?? 10)
    }
    let given = try (json.optionalMember("resize"), json.optionalMember("height"), json.optionalMember("width"))
    guard given.0 != nil || given.1 != nil || given.2 != nil else { return }
    framing = try frame(
      resize: given.0?.int() ?? 0, height: given.1?.int() ?? model.imageHeight,
      width: given.2?.int() ?? model.imageWidth)
  }

  /// Features of images of a data set, in inference mode.
  ///
  /// - Parameter indices: which images. Where the data set replaces one that cannot be read, the row is its
  ///   replacement's: leave out what `ImageFolder.skipped` lists before labels are compared.
  /// - Returns: [count, C].
  /// - Throws: errors of the data set and of `Encoder.features`, `PoolingError`, `Interrupted`.
  public func features(_ encoder: Encoder, _ dataset: any ImageDataset, indices: [Int]) throws -> Tensor {
    let pass = FeaturePass(framing: framing, tap: tap)
    let found = try pass.features(encoder, dataset, indices: indices, poolings: [pooling])
    return try Tensor(shape: [indices.count, encoder.configuration.width], buffer: found.vectors[0])
  }

  /// What a table says of it: "last block, after norm, cls", and the framing where it is not the usual one.
  public func description(for model: ModelConfiguration) -> String {
    let layer = tap.layer ?? model.depth
    let place = layer == model.depth ? "last block" : "block \(layer)"
    let norm = tap.projected ? "projector" : tap.normed ? "after norm" : "before norm"
    let usual = framing == FeatureProtocol.nearestNeighbor(for: model).framing
    return [place, norm, pooling.description].joined(separator: ", ") + (usual ? "" : ", \(framingDescription)")
  }

  private var framingDescription: String {
    switch framing {
    case .centerCrop(let resize, let crop): "short side \(resize), centre \(crop)×\(crop)"
    case .squash(let height, let width): "whole image as \(height)×\(width)"
    }
  }
}

/// The framing that `resize` asks for: short side to `resize` pixels and the centre of height × width; 0: the whole
/// image.
///
/// - Throws: `ShapeError` where a centre crop is not square.
public func frame(resize: Int, height: Int, width: Int) throws -> EvaluationTransform.Framing {
  guard resize > 0 else { return .squash(height: height, width: width) }
  guard height == width else {
    throw ShapeError(
      "resize", "centre crops are square, \(height) × \(width) was asked for; resize 0 takes the whole image")
  }
  return .centerCrop(resize: resize, crop: height)
}
