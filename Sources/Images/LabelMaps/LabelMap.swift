import Compute

/// A label for each pixel of a picture: 0 mostly is the background, 255 mostly void.
public struct LabelMap: Sendable, Equatable {
  public let height: Int
  public let width: Int
  /// [height, width].
  public let labels: [Int32]

  /// - Throws: `ImageError.shape` where sizes are not positive, or their product is not the number of labels.
  public init(height: Int, width: Int, labels: [Int32]) throws {
    guard pixelCount([height, width]) == labels.count else {
      throw ImageError.shape([height, width], count: labels.count)
    }
    (self.height, self.width, self.labels) = (height, width, labels)
  }

  /// Labels that `fill` writes, all of them.
  ///
  /// - Throws: `ImageFileError.tooLarge`, `OutOfMemory`, what `fill` throws.
  init(height: Int, width: Int, fill: (UnsafeMutableBufferPointer<Int32>) throws -> Void) throws {
    guard width > 0, height > 0, width <= EncodedImage.mostPixels / height else {
      throw ImageFileError.tooLarge(width: width, height: height, most: EncodedImage.mostPixels)
    }
    let count = height * width
    try OutOfMemory.check(for: count, of: Int32.self)
    (self.height, self.width) = (height, width)
    labels = try [Int32](unsafeUninitializedCapacity: count) { memory, initialized in
      try fill(UnsafeMutableBufferPointer(rebasing: memory[..<count]))
      initialized = count
    }
  }
}
