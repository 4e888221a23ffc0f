import Files
import Images
import LatentMIM
import Tensors

/// The options by which images become vectors; nil: what the protocol has.
public struct FeatureOptions: Configurable {
  public static let name = "features"
  /// Height and width of what the encoder sees, in pixels.
  public var size: [Int]?
  /// The pixels of the short side before the centre is cut out; 0: the whole image is seen.
  public var shortSide: Int?
  /// Behind which blocks; vectors of several lie one behind the other.
  public var layer: [Int]?
  public var part: TokenPart?
  /// Pixels from a patch to the next.
  public var stride: Int?
  public var norm: Bool?
  public var projector: Bool?
  public var pooling: PoolingKind?
  /// k of `topk_mean`.
  public var poolingK = 10
  public var precision: Precision?
  public var extendPositions: Bool?

  public static let options: [Option<Self>] = [
    Option("size", \.size, .optional(.sides(1...65536))),
    Option("short_side", \.shortSide, .optional(.integer(0...65536))),
    Option("layer", \.layer, .optional(.oneOrMore(.integer(0...128)))),
    Option("part", \.part, .optional(.choice)),
    Option("stride", \.stride, .optional(.integer(1...65536))),
    Option("norm", \.norm, .optional(.flag)),
    Option("projector", \.projector, .optional(.flag)),
    Option("pooling", \.pooling, .optional(.choice)),
    Option("pooling_k", \.poolingK, .integer(1...1_000_000_000)),
    Option("precision", \.precision, .optional(.choice)),
    Option("extend_positions", \.extendPositions, .optional(.flag)),
  ]

  public init() {}

  /// - Parameter json: what messages begin with is its source.
  /// - Throws: `JSONError`, `ConfigurationError`.
  public init(json: JSONCursor) throws { try apply(json) }
}

extension FeatureProtocol {
  /// What `options` say over `defaults`.
  ///
  /// - Throws: `ShapeError`, `PrecisionError`.
  public init(_ options: FeatureOptions, for model: ModelConfiguration, over defaults: FeatureProtocol) throws {
    self = defaults
    tap = FeatureTap(
      layers: options.layer ?? tap.layers, part: options.part ?? tap.part, normed: options.norm ?? tap.normed,
      projected: options.projector ?? tap.projected)
    if let stride = options.stride { self.stride = stride }
    if let kind = options.pooling { pooling = Pooling(kind, k: options.poolingK) }
    // "auto" depends on the machine: results say what it stands for.
    if let given = options.precision { precision = try .named(given.arithmetic()) }
    if let extends = options.extendPositions { scaling = extends ? .extend : .span }
    guard options.size != nil || options.shortSide != nil else { return }
    let sides = options.size ?? [model.imageHeight, model.imageWidth]
    framing = try frame(shortSide: options.shortSide ?? 0, height: sides[0], width: sides[1])
  }

  /// What options in JSON say over `defaults`.
  ///
  /// - Throws: `JSONError`, `ConfigurationError`, `ShapeError`, `PrecisionError`.
  public init(json: JSONCursor, for model: ModelConfiguration, over defaults: FeatureProtocol) throws {
    try self.init(FeatureOptions(json: json), for: model, over: defaults)
  }
}

/// The framing that a short side asks for: it becomes so many pixels, and the centre of height × width is seen; 0: the
/// whole image.
///
/// - Throws: `ShapeError` where it is negative, or the centre not square.
public func frame(shortSide: Int, height: Int, width: Int) throws -> EvaluationTransform.Framing {
  guard shortSide >= 0 else { throw ShapeError("short_side", "is \(shortSide), wanted a number of pixels, or 0") }
  guard shortSide > 0 else { return .squash(height: height, width: width) }
  guard height == width else {
    throw ShapeError(
      "short_side", "centre crops are square, \(height) × \(width) was asked for; 0 takes the whole image")
  }
  return .centerCrop(resize: shortSide, crop: height)
}
