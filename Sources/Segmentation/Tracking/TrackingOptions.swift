import Files
import Images
import LatentMIM

/// Which side of a frame is brought to a number of pixels; the other keeps the ratio.
public enum FittedSide: String, Sendable, CaseIterable {
  case short, height
}

/// How a side becomes a multiple.
public enum SideRounding: String, Sendable, CaseIterable {
  case down, nearest, up
}

/// How given labels become those of patches.
public enum MaskSampling: String, Sendable, CaseIterable {
  /// The label of the pixel that the patch's centre lies in.
  case nearest
  /// Each object's share, interpolated between the four pixels around the patch's centre.
  case bilinear
}

/// Which patches of a context frame a patch is compared with, by their distance in patches.
public enum WindowShape: String, Sendable, CaseIterable {
  /// Rows and columns at most `window` apart.
  case square
  /// Euclidean distance at most `window`.
  case circle
  /// Euclidean distance below `window`.
  case openCircle = "open_circle"
}

/// How soft maps of patches become labels of pixels.
public enum TrackUpsampling: String, Sendable, CaseIterable {
  /// The map of the patch that a pixel's centre lies in.
  case nearest
  /// Maps are interpolated to the frame's size; the largest wins there.
  case bilinear
  /// Maps are interpolated to the size that features are computed at; the largest wins there, and pixels take the
  /// label of the nearest.
  case bilinearThenNearest = "bilinear_then_nearest"
}

/// How labels are propagated from frame to frame. The defaults are those of the preset `dino`.
public struct TrackingOptions: Configurable, Equatable {
  public static let name = "tracking"
  /// Height and width that features are computed at; nil: as `side`, `fit` and `multiple` say.
  public var size: [Int]?
  /// Pixels of the side that `fit` names.
  public var side = 480
  public var fit = FittedSide.short
  /// How sides become multiples.
  public var rounding = SideRounding.down
  /// Of what the other side becomes a multiple; nil: of the patch size.
  public var multiple: Int? = 64
  public var interpolation = Interpolation.bilinearWithoutAntialias
  /// How pixels are normalised; nil: as the encoder says.
  public var mean: [Double]?
  public var std: [Double]?
  /// Where features are taken.
  public var layer: Int?
  public var norm = true
  public var maskSampling = MaskSampling.nearest
  /// Frames before this one that are compared with, besides the first.
  public var context = 7
  /// Whether the first frame stands for those that a clip's beginning lacks.
  public var padContext = false
  /// Patches; 0: no window.
  public var window = 12.0
  public var windowShape = WindowShape.square
  /// Whether the window applies to the first frame, too.
  public var firstFrameWindow = true
  /// Patches that vote.
  public var k = 5
  /// Whether those that tie with the k-th vote, too.
  public var keepTies = true
  public var temperature = 0.1
  public var upsample = TrackUpsampling.bilinearThenNearest
  /// Whether each map is brought to 0 … 1 by its least and largest value before the largest wins.
  public var rescale = true
  public var precision = Precision.float32

  public static let options: [Option<Self>] = [
    Option("size", \.size, .optional(.sides(1...65536))),
    Option("side", \.side, .integer(1...65536)),
    Option("fit", \.fit, .choice),
    Option("rounding", \.rounding, .choice),
    Option("multiple", \.multiple, .optional(.integer(1...65536))),
    Option("interpolation", \.interpolation, .choice),
    Option("mean", \.mean, .optional(.list(.number(0...1)))),
    Option("std", \.std, .optional(.list(.number(1e-6...1)))),
    Option("layer", \.layer, .optional(.integer(0...128))),
    Option("norm", \.norm, .flag),
    Option("mask_sampling", \.maskSampling, .choice),
    Option("context", \.context, .integer(0...1000)),
    Option("pad_context", \.padContext, .flag),
    Option("window", \.window, .number(0...65536)),
    Option("window_shape", \.windowShape, .choice),
    Option("first_frame_window", \.firstFrameWindow, .flag),
    Option("k", \.k, .integer(1...1000)),
    Option("keep_ties", \.keepTies, .flag),
    Option("temperature", \.temperature, .number(1e-4...1e4)),
    Option("upsample", \.upsample, .choice),
    Option("rescale", \.rescale, .flag),
    Option("precision", \.precision, .choice),
  ]

  public init() {}

  /// Reads options over those of a "preset" among them, `dino` where there is none.
  ///
  /// - Parameter model: of the encoder that is to track; see `TrackingPreset.options`.
  /// - Throws: `JSONError`, `ConfigurationError`.
  public init(json: JSONCursor, for model: ModelConfiguration) throws {
    let name = try json.optionalMember("preset")?.string() ?? TrackingPreset.dino.rawValue
    self = try TrackingPreset(named: name, option: "preset").options(for: model)
    try apply(json, also: ["preset"])
  }
}
