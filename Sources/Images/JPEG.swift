import Files
import CKernels
import Compute

/// Why bytes are not a JPEG image that can be read.
public enum JPEGError: DescribedError, Equatable {
  case empty
  /// Another kind of file; `looksLike` names it where its first bytes are known.
  case notJPEG(looksLike: String?)
  /// Damaged, cut short or of a kind libjpeg does not read; `problem` is libjpeg's word.
  case unreadable(problem: String)
  /// More pixels than a photograph has: the header is wrong or hostile.
  case tooLarge(width: Int, height: Int)

  public var kind: ErrorKind { .value }

  public var description: String {
    switch self {
    case .empty: "it is empty, wanted a JPEG image"
    case .notJPEG(let looksLike): "it looks like \(looksLike ?? "no image"), wanted JPEG"
    case .unreadable(let problem): "it is no whole JPEG image: \(problem)"
    case .tooLarge(let width, let height):
      "its header says \(width)×\(height) pixels, more than \(mostPixels) are refused"
    }
  }
}

/// Pixels an image may have: 2²⁸, some 16,000 × 16,000.
private let mostPixels = 1 << 28

/// Decodes a JPEG image to uint8 RGB [H, W, 3], turned upright as its EXIF orientation says.
///
/// Decoding is libjpeg's accurate integer transform with smooth chroma upsampling, as in Pillow. Grey is repeated in
/// the three channels; CMYK and YCCK are converted as Pillow does. A file that is damaged or ends early is an error
/// even where most of its pixels could be read.
///
/// - Throws: `JPEGError`, `ImageError.memory`.
public func decodeJPEG(_ file: [UInt8]) throws -> Image {
  guard !file.isEmpty else { throw JPEGError.empty }
  guard file.starts(with: [0xFF, 0xD8, 0xFF]) else { throw JPEGError.notJPEG(looksLike: kindOfFile(file)) }
  var (width, height) = (0, 0)
  try throwing { lmk_jpeg_size(file, file.count, &width, &height, $0) }
  guard width * height <= mostPixels else { throw JPEGError.tooLarge(width: width, height: height) }
  let memory = try PixelMemory(byteCount: width * height * 3) { pixels in
    let start = pixels.baseAddress?.assumingMemoryBound(to: UInt8.self)
    try throwing { lmk_jpeg_decode(file, file.count, width, height, start, $0) }
  }
  let image = try Image(memory: memory, height: height, width: width, channels: 3)
  return try image.turned(Orientation(ofJPEG: file))
}

/// Calls a function of jpeg.c and throws its message where it fails.
private func throwing(_ call: (UnsafeMutablePointer<CChar>) -> Int32) throws {
  try withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(LMK_JPEG_MESSAGE)) { message in
    guard let start = message.baseAddress else { return }
    start.pointee = 0
    if call(start) == 0 { throw JPEGError.unreadable(problem: String(cString: start)) }
  }
}

/// The kind of file that begins with `bytes`, in words.
private func kindOfFile(_ bytes: [UInt8]) -> String? {
  let kinds: [([UInt8], String)] = [
    ([0x89, 0x50, 0x4E, 0x47], "PNG"), (Array("GIF8".utf8), "GIF"), (Array("BM".utf8), "BMP"),
    ([0x49, 0x49, 0x2A, 0x00], "TIFF"), ([0x4D, 0x4D, 0x00, 0x2A], "TIFF"), (Array("%PDF".utf8), "PDF"),
    ([0x00, 0x00, 0x00, 0x0C, 0x6A, 0x50], "JPEG 2000"), ([0xFF, 0x0A], "JPEG XL"),
    ([0x50, 0x4B, 0x03, 0x04], "a ZIP archive"),
    ([0x1F, 0x8B], "a gzip archive"), (Array("<".utf8), "a text in HTML or XML"),
  ]
  if bytes.starts(with: "RIFF".utf8), bytes.dropFirst(8).starts(with: "WEBP".utf8) { return "WebP" }
  if bytes.dropFirst(4).starts(with: "ftypavif".utf8) { return "AVIF" }
  if bytes.dropFirst(4).starts(with: "ftyphei".utf8) { return "HEIC" }
  return kinds.first { bytes.starts(with: $0.0) }?.1
}

/// Reads and decodes a JPEG file; see `decodeJPEG`.
///
/// - Throws: `DatasetError.unreadable` with the path and what is wrong.
public func loadJPEG(_ path: String) throws -> Image {
  guard !path.isEmpty, !path.utf8.contains(0) else {
    throw DatasetError.unreadable(path: path, problem: "the path names nothing", fileKind: .io)
  }
  return try loadJPEG(Array(path.utf8CString))
}

func loadJPEG(_ path: [CChar]) throws -> Image {
  do {
    return try decodeJPEG(ReadableFile(systemPath: path).contents())
  } catch let error as FileError {
    throw DatasetError.unreadable(
      path: pathText(path), problem: error.problem, fileKind: error.kind, system: error.systemError)
  } catch let error as DescribedError {
    throw DatasetError.unreadable(path: pathText(path), problem: error.description, fileKind: error.kind)
  }
}
