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
  /// What the sides can be divided by while decoding, at less cost than decoding all.
  var reductions = [1]
  /// What a file says of itself before anything of its size is allocated. Throws `ImageFileError`.
  let header: @Sendable ([UInt8]) throws -> ImageHeader
  /// Writes the pixels of a part of a file, as its header says. Throws `ImageFileError`, `ImageError.memory`.
  let decode: @Sendable ([UInt8], ImageHeader, ImagePart, UnsafeMutableRawBufferPointer) throws -> Void
  /// The file's own numbers as labels; nil where the format loses them or always has colours. Throws
  /// `ImageFileError`, `OutOfMemory`.
  var labels: (@Sendable ([UInt8]) throws -> LabelMap)?

  /// Writes the name and version of the library that decodes it, if one does; at most LMC_MESSAGE characters.
  var library: (@Sendable (UnsafeMutablePointer<CChar>?) -> Void)?

  /// The formats that are read.
  public static let all: [ImageCodec] = [.jpeg, .png, .webp, .tiff, .bmp, .pnm, .npy]

  /// The names of all formats: "JPEG, PNG or WebP".
  public static var names: String { listed(all.map(\.name)) }

  /// Names and usual endings of all formats: "JPEG (.jpg, .jpeg) or PNG (.png)".
  public static var namesAndEndings: String {
    listed(all.map { "\($0.name) (\($0.endings.map { "." + $0 }.joined(separator: ", ")))" })
  }

  /// What files are decoded with: "libpng 1.6.39, libdeflate 1.14" for PNG; formats without a library are left out.
  public static var libraries: [String: String] {
    let pairs = all.compactMap { codec in codec.library.map { (codec.name, written(by: $0)) } }
    return Dictionary(uniqueKeysWithValues: pairs)
  }

  /// The names of the formats that label maps are read from.
  public static var labelNames: String { listed(all.filter { $0.labels != nil }.map(\.name)) }

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

/// A signature's bytes that are text.
func text(_ characters: String) -> [UInt8?] { characters.utf8.map { $0 } }
/// A signature's bytes that may be any.
func gap(_ count: Int) -> [UInt8?] { Array(repeating: nil, count: count) }

/// Size and storage of an image file's pixels.
struct ImageHeader: Sendable, Equatable {
  /// As they are stored, before the orientation is applied.
  var height: Int
  var width: Int
  let channels: Int
  var element = PixelElement.uint8
  var alpha = Alpha.none
  var orientation = Orientation.upright

  /// What the last channel is.
  enum Alpha: Sendable {
    /// A colour like the others.
    case none
    /// How much the pixel covers.
    case straight
    /// The same, and the colours are multiplied by it.
    case premultiplied
  }

  /// Of the picture with sides divided by `reduction` and rounded up.
  func reduced(by reduction: Int) -> ImageHeader {
    var header = self
    header.height = (height - 1) / reduction + 1
    header.width = (width - 1) / reduction + 1
    return header
  }
}

/// Which pixels of a file are decoded.
struct ImagePart: Sendable {
  /// In the picture as it is stored, with its sides divided by `reduction` and rounded up.
  let rectangle: PixelRectangle
  /// One of the codec's.
  var reduction = 1
}
