import Compute

/// Why bytes are not an image that can be read.
public enum ImageFileError: DescribedError, Equatable {
  case empty
  /// No format of `ImageCodec.all`; `looksLike` names the kind where its first bytes are known.
  case unknownFormat(looksLike: String?)
  /// Damaged, cut short or of a kind that the decoder does not read; `problem` is the decoder's word.
  case damaged(format: String, problem: String)
  /// More pixels than a picture has: the header is wrong or hostile.
  case tooLarge(width: Int, height: Int, most: Int)

  public var kind: ErrorKind { .value }

  public var description: String {
    switch self {
    case .empty: "it is empty, wanted \(ImageCodec.names)"
    case .unknownFormat(let looksLike): "it looks like \(looksLike ?? "no image"), wanted \(ImageCodec.names)"
    case .damaged(let format, let problem): "it cannot be decoded as \(format): \(problem)"
    case .tooLarge(let width, let height, let most):
      "its header says \(width)×\(height) pixels, wanted 1 … \(most)"
    }
  }
}

/// The kind of a file that no codec reads, by how it begins, in words.
func kindOfFile(_ bytes: [UInt8]) -> String? { otherKinds.first { matches(bytes, $0.0) }?.1 }

private let otherKinds: [([UInt8?], String)] = [
  ([0x89] + text("PNG"), "PNG"), (text("GIF8"), "GIF"), (text("BM"), "BMP"),
  (text("II") + [42, 0], "TIFF"), (text("MM") + [0, 42], "TIFF"),
  (text("RIFF") + gap(4) + text("WEBP"), "WebP"),
  (gap(4) + text("ftypavif"), "AVIF"), (gap(4) + text("ftyphei"), "HEIC"),
  ([0, 0, 0, 12] + text("jP"), "JPEG 2000"), ([0xFF, 0x0A], "JPEG XL"),
  (text("%PDF"), "PDF"), (text("PK") + [3, 4], "a ZIP archive"), ([0x1F, 0x8B], "a gzip archive"),
  (text("<"), "a text in HTML or XML"),
  (text("version https://git-lfs"), "a Git LFS pointer (the file itself is missing)"),
]

private func text(_ characters: String) -> [UInt8?] { characters.utf8.map { $0 } }
private func gap(_ count: Int) -> [UInt8?] { Array(repeating: nil, count: count) }
