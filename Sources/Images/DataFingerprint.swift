import Compute
import Files

/// What tells a data set from another of the same size, without reading all of it.
public struct DataFingerprint: Sendable, Equatable {
  public let images: Int
  /// A digest of the files' paths below their folder, in order; empty where images have no names.
  public let names: String
  /// A digest of pieces of up to 256 images.
  public let content: String

  public init(images: Int, names: String, content: String) {
    (self.images, self.names, self.content) = (images, names, content)
  }

  /// How this data set differs from one a run was saved with, in words; nil where no difference shows.
  public func difference(from saved: DataFingerprint) -> String? {
    if images != saved.images { return "the data set had \(saved.images) images there, it has \(images) here" }
    if names != saved.names { return "the images' files have other names than there" }
    return content == saved.content ? nil : "the images are others than there: as many, with other content"
  }
}

extension ImageDataset {
  public var fingerprint: DataFingerprint { fingerprint(sampling: evenlySpread(count)) }

  func fingerprint(sampling indices: [Int]) -> DataFingerprint {
    var digest = Digest()
    for index in indices {
      guard let image = try? image(at: index) else { continue }
      digest.add(number: index)
      image.addSample(to: &digest)
    }
    return DataFingerprint(images: count, names: "", content: digest.text)
  }
}

/// Up to 256 of `count` indices.
func evenlySpread(_ count: Int) -> [Int] {
  let most = min(count, 256)
  return (0..<most).map { $0 * count / most }
}

extension Image {
  /// Sizes, and up to 16 pieces of 256 bytes, evenly spread.
  fileprivate func addSample(to digest: inout Digest) {
    for size in [height, width, channels, memory.element.stride] { digest.add(number: size) }
    let bytes = UnsafeRawBufferPointer(
      start: memory.start + offset * memory.element.stride, count: height * width * channels * memory.element.stride)
    let piece = min(bytes.count, 256)
    for place in 0..<16 {
      let start = (bytes.count - piece) * place / 15
      digest.add(UnsafeRawBufferPointer(rebasing: bytes[start..<start + piece]))
    }
  }
}

extension ImageSubset {
  public var fingerprint: DataFingerprint {
    (base as? ImageFiles)?.store.fingerprint(of: indices) ?? fingerprint(sampling: evenlySpread(count))
  }
}
