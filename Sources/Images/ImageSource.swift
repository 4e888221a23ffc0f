/// An image whose pixels are decoded already or when they are asked for.
public enum ImageSource: Sendable {
  case decoded(Image)
  case encoded(EncodedImage)

  public var height: Int {
    switch self {
    case .decoded(let image): image.height
    case .encoded(let image): image.height
    }
  }
  public var width: Int {
    switch self {
    case .decoded(let image): image.width
    case .encoded(let image): image.width
    }
  }
  /// How channels are stored.
  public var element: PixelElement {
    switch self {
    case .decoded(let image): image.element
    case .encoded(let image): image.element
    }
  }
  public var channels: Int {
    switch self {
    case .decoded(let image): image.channels
    case .encoded(let image): image.channels
    }
  }

  /// The part inside `rectangle`; nil for all.
  ///
  /// - Parameter reduction: as in `EncodedImage.pixels`; decoded images have no other than 1.
  /// - Throws: `ImageError.box` where it is empty or leaves the image; as `EncodedImage.pixels`.
  public func pixels(_ rectangle: PixelRectangle? = nil, reduction: Int = 1) throws -> Image {
    switch self {
    case .decoded(let image): try rectangle.map { try image.cropped(to: $0) } ?? image
    case .encoded(let image): try image.pixels(rectangle, reduction: reduction)
    }
  }
}
