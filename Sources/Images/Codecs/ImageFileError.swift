import Compute
import Files

/// Why bytes are not an image that can be read.
public enum ImageFileError: DescribedError, Equatable {
  case empty
  /// No format of `ImageCodec.all`; `looksLike` names the kind where its first bytes are known.
  case unknownFormat(looksLike: String?)
  /// Damaged, cut short or of a kind that the decoder does not read; `problem` is the decoder's word.
  case damaged(format: String, problem: String)
  /// More pixels than a picture has: the header is wrong or hostile.
  case tooLarge(width: Int, height: Int, most: Int)
  /// The same for pixels times channels.
  case tooManyValues(width: Int, height: Int, channels: Int, most: Int)
  /// No rule of `PixelConversion` leads from its channels to those wanted.
  case channels(Int, hasAlpha: Bool, wanted: Int)
  /// The file is an image, but holds no labels: not one whole number for each pixel.
  case noLabels(format: String, String)

  public var kind: ErrorKind { .value }

  public var description: String {
    switch self {
    case .empty: "it is empty, wanted \(ImageCodec.names)"
    case .unknownFormat(let looksLike): "it looks like \(looksLike ?? "no image"), wanted \(ImageCodec.names)"
    case .damaged(let format, let problem): "it cannot be decoded as \(format): \(problem)"
    case .tooLarge(let width, let height, let most):
      "its header says \(width)×\(height) pixels, wanted 1 … \(most)"
    case .tooManyValues(let width, let height, let channels, let most):
      "its header says \(width)×\(height) pixels of \(channels) channels, wanted 1 … \(most) values"
    case .noLabels(let format, let problem):
      "as \(format) it holds no labels: \(problem), wanted one whole number a pixel in \(ImageCodec.labelNames)"
    case .channels(let found, let hasAlpha, let wanted):
      "it has \(found) channels\(hasAlpha ? ", alpha among them" : ""), wanted \(wanted): channels=\(found) reads them all"
    }
  }
}

/// The kind of a file that no codec reads, by how it begins, in words: pictures here, what else people load in `Files`.
func kindOfFile(_ bytes: [UInt8]) -> String? {
  otherKinds.first { matches(bytes, $0.0) }?.1 ?? fileKind(Array(bytes.prefix(64)))
}

private let otherKinds: [([UInt8?], String)] = [
  (text("GIF8"), "GIF"), (gap(4) + text("ftypavif"), "AVIF"), (gap(4) + text("ftyphei"), "HEIC"),
  (gap(4) + text("ftypmif1"), "HEIF"), ([0, 0, 0, 12] + text("jP"), "JPEG 2000"),
  ([0xFF, 0x4F, 0xFF, 0x51], "JPEG 2000"),
  ([0xFF, 0x0A], "JPEG XL"), ([0, 0, 0, 12] + text("JXL "), "JPEG XL"), (gap(128) + text("DICM"), "DICOM"),
]
