import Compute
import Files

/// An image file in memory: its header has been read, pixels are decoded when a part is asked for.
///
/// Beside the file, decoding takes at most twice the pixels' memory and 512 MiB; an image may have 2²⁸ pixels and 2³⁰
/// values.
public struct EncodedImage: Sendable {
  /// Upright, in pixels.
  public let height: Int
  public let width: Int
  public var channels: Int { conversion.channels }
  /// How channels are stored.
  public var element: PixelElement { header.element }
  /// The file's path, for errors; nil for bytes from elsewhere.
  let path: FilePath?
  private let file: [UInt8]
  private let codec: ImageCodec
  private let header: ImageHeader
  private let conversion: PixelConversion
  /// All of it, where it has been decoded.
  private var whole: Image?

  static let (mostPixels, mostValues) = (1 << 28, 1 << 30)

  /// - Parameters:
  ///   - file: the whole file; its format is told from the content.
  ///   - conversion: to the channels wanted.
  ///   - path: where it comes from, for errors.
  /// - Throws: `ImageFileError`; with a path, `DatasetError.unreadable`.
  public init(_ file: [UInt8], _ conversion: PixelConversion = .rgb, path: FilePath? = nil) throws {
    (codec, header) = try naming(path) { try Self.header(of: file, conversion) }
    (height, width) = header.orientation.isTransposed ? (header.width, header.height) : (header.height, header.width)
    (self.file, self.conversion, self.path) = (file, conversion, path)
  }

  private static func header(of file: [UInt8], _ conversion: PixelConversion) throws -> (ImageCodec, ImageHeader) {
    guard !file.isEmpty else { throw ImageFileError.empty }
    guard let codec = ImageCodec.of(file) else { throw ImageFileError.unknownFormat(looksLike: kindOfFile(file)) }
    let header = try codec.header(file)
    let (width, height) = (header.width, header.height)
    guard width > 0, height > 0, width <= mostPixels / height else {
      throw ImageFileError.tooLarge(width: width, height: height, most: mostPixels)
    }
    guard header.channels > 0, header.channels <= mostValues / (width * height) else {
      throw ImageFileError.tooManyValues(width: width, height: height, channels: header.channels, most: mostValues)
    }
    try conversion.check(header)
    return (codec, header)
  }

  /// What the sides can be divided by in `pixels(_:reduction:)`, in rising order; 1 is among them.
  public var reductions: [Int] { codec.reductions }

  /// Height and width with the sides divided by `reduction`, rounded up.
  func size(reduction: Int) -> (height: Int, width: Int) {
    ((height - 1) / reduction + 1, (width - 1) / reduction + 1)
  }

  /// A part of the upright image, with the channels wanted. Damage in other parts may go unnoticed.
  ///
  /// - Parameters:
  ///   - part: of the image with its sides divided by `reduction` and rounded up; nil for all of it.
  ///   - reduction: one of `reductions`.
  /// - Throws: `ImageFileError`, `ImageError.memory`, `ImageError.box`; with a path, `DatasetError.unreadable`.
  public func pixels(_ part: PixelRectangle? = nil, reduction: Int = 1) throws -> Image {
    if let whole, reduction == 1 { return try part.map { try whole.cropped(to: $0) } ?? whole }
    return try naming(path) {
      let size = size(reduction: reduction)
      let part = part ?? PixelRectangle(top: 0, left: 0, height: size.height, width: size.width)
      guard part.isWithin(height: size.height, width: size.width), reductions.contains(reduction) else {
        throw ImageError.box("\(part)", height: size.height, width: size.width)
      }
      return try decoded(part, reduction)
    }
  }

  /// The same image, decoded as a whole now.
  ///
  /// - Throws: as `pixels`.
  func decodedAsAWhole() throws -> EncodedImage {
    var image = self
    image.whole = try pixels()
    return image
  }

  private func decoded(_ part: PixelRectangle, _ reduction: Int) throws -> Image {
    let stored = header.reduced(by: reduction)
    let rectangle = header.orientation.stored(part, height: stored.height, width: stored.width)
    let count = rectangle.height * rectangle.width * header.channels
    let memory = try PixelMemory(header.element, count: count) {
      try codec.decode(file, header, ImagePart(rectangle: rectangle, reduction: reduction), $0)
    }
    let image = try Image(
      memory: memory, height: rectangle.height, width: rectangle.width, channels: header.channels)
    if let value = image.valueOutOfRange() { throw ImageError.value(value) }
    return try conversion(image.turned(header.orientation), alpha: header.alpha)
  }
}

/// Decodes an image file to [H, W, C], turned upright as its orientation says. The format is told from the content.
///
/// - Throws: `ImageFileError`, `ImageError.memory`.
public func decodeImage(_ file: [UInt8], _ conversion: PixelConversion = .rgb) throws -> Image {
  try EncodedImage(file, conversion).pixels()
}

/// Reads and decodes an image file; see `decodeImage`.
///
/// - Throws: `DatasetError.unreadable` with the path and what is wrong.
public func loadImage(_ path: some FilePathConvertible, _ conversion: PixelConversion = .rgb) throws -> Image {
  try EncodedImage(path: path.filePath, conversion).pixels()
}

extension EncodedImage {
  /// Reads an image file without decoding its pixels.
  ///
  /// - Throws: `DatasetError.unreadable` with the path and what is wrong.
  public init(path: FilePath, _ conversion: PixelConversion = .rgb) throws {
    try self.init(naming(path) { try ReadableFile(path: path).contents() }, conversion, path: path)
  }
}

/// Does something with the file at `path`; what goes wrong is thrown as `DatasetError.unreadable` where there is a
/// path.
func naming<Result>(_ path: FilePath?, _ body: () throws -> Result) throws -> Result {
  guard let path else { return try body() }
  do {
    return try body()
  } catch let error as FileError {
    throw DatasetError.unreadable(
      path: path.text, problem: error.problem, fileKind: error.kind, system: error.systemError)
  } catch let error as DescribedError where !(error is DatasetError) {
    throw DatasetError.unreadable(path: path.text, problem: error.description, fileKind: error.kind)
  }
}
