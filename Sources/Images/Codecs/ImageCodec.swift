import Compute

/// A file format of images: what its files are called, how they begin, and how they are decoded.
///
/// A new format is a file beside this one, an entry of `all`, and a test. Folders, messages and help take its name and
/// endings from here.
public struct ImageCodec: Sendable {
  /// "JPEG"
  public let name: String
  /// Usual endings of file names, in lower case and without the dot; the most usual first.
  public let endings: [String]
  /// How files begin, each in one of these ways; nil stands for any byte.
  let signatures: [[UInt8?]]
  /// Pixels an image may have.
  var mostPixels = 1 << 28
  /// What a file says of itself before anything of its size is allocated. Throws `ImageFileError`.
  let header: @Sendable ([UInt8]) throws -> ImageHeader
  /// Writes all pixels of a file, in the header's shape. Throws `ImageFileError`, `ImageError.memory`.
  let decode: @Sendable ([UInt8], ImageHeader, UnsafeMutableRawBufferPointer) throws -> Void

  /// The formats that are read.
  public static let all: [ImageCodec] = [.jpeg]

  /// The names of all formats: "JPEG".
  public static var names: String { listed(all.map(\.name)) }

  /// Names and usual endings of all formats: "JPEG (.jpg, .jpeg)".
  public static var namesAndEndings: String {
    listed(all.map { "\($0.name) (\($0.endings.map { "." + $0 }.joined(separator: ", ")))" })
  }

  /// The format of a file that begins with `bytes`: its name is not asked, its content is.
  static func of(_ bytes: [UInt8]) -> ImageCodec? {
    all.first { $0.signatures.contains { matches(bytes, $0) } }
  }

  private static func listed(_ items: [String]) -> String {
    items.count < 2 ? items.joined() : items.dropLast().joined(separator: ", ") + " or " + items[items.count - 1]
  }
}

/// Whether `bytes` begin with `signature`; nil stands for any byte.
func matches(_ bytes: [UInt8], _ signature: [UInt8?]) -> Bool {
  bytes.count >= signature.count && zip(bytes, signature).allSatisfy { $1 == nil || $0 == $1 }
}

/// Size and storage of an image file's pixels.
struct ImageHeader: Sendable, Equatable {
  let height: Int
  let width: Int
  let channels: Int
  var element = PixelElement.uint8
  var orientation = Orientation.upright
}

/// Decodes an image file to [H, W, C], turned upright as its EXIF orientation says. The format is told from the
/// content.
///
/// A file that is damaged or ends early is an error even where most of its pixels could be read. Beside the file,
/// decoding takes at most twice the pixels' memory and 512 MiB; an image may have 2²⁸ pixels.
///
/// - Throws: `ImageFileError`, `ImageError.memory`.
public func decodeImage(_ file: [UInt8]) throws -> Image {
  guard !file.isEmpty else { throw ImageFileError.empty }
  guard let codec = ImageCodec.of(file) else { throw ImageFileError.unknownFormat(looksLike: kindOfFile(file)) }
  let header = try codec.header(file)
  let (width, height) = (header.width, header.height)
  guard width > 0, height > 0, width <= codec.mostPixels / height else {
    throw ImageFileError.tooLarge(width: width, height: height, most: codec.mostPixels)
  }
  let memory = try PixelMemory(header.element, count: width * height * header.channels) {
    try codec.decode(file, header, $0)
  }
  return try Image(memory: memory, height: height, width: width, channels: header.channels).turned(header.orientation)
}
