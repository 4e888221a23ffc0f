import Files
import CLatentMIM
import Compute
import Evaluation
import Images
import LatentMIM
import Tensors

/// A data set behind a handle.
final class DatasetBox {
  let dataset: any ImageDataset
  init(_ dataset: any ImageDataset) { self.dataset = dataset }
}

/// A decoded image behind a handle: float32 in 0 … 1.
final class ImageBox {
  let height: Int
  let width: Int
  let channels: Int
  let pixels: Buffer

  init(_ image: Image) throws {
    (height, width, channels) = (image.height, image.width, image.channels)
    pixels = try Resampling(height: height, width: width, normalization: .none(channels: channels))(image)
  }
}

extension lm_pixels {
  /// The pixels as memory that images can be read from, in place.
  func memory() throws -> PixelMemory {
    let count = try elementCount([self.count, height, width, channels], "pixels")
    let start = try given(values, "pixels.values")
    switch type {
    case LM_UINT8: return PixelMemory(borrowing: start.assumingMemoryBound(to: UInt8.self), count: count)
    case LM_FLOAT32: return PixelMemory(borrowing: start.assumingMemoryBound(to: Float.self), count: count)
    default: throw ArgumentError("pixels.type is \(type.rawValue), wanted LM_UINT8 or LM_FLOAT32")
    }
  }

  var shape: [Int] { [Int(count), Int(height), Int(width), Int(channels)] }

  /// The pixels as a data set; labels are checked there.
  func dataset(labels: [Int]? = nil) throws -> ImageArrays {
    try ImageArrays(memory(), shape: shape, labels: labels)
  }

  /// Every image resampled to one size: [count, height, width, channels], normalised as given.
  func resampled(height: Int, width: Int, _ normalization: Normalization) throws -> Batch {
    let transform = try EvaluationTransform(.squash(height: height, width: width), normalization: normalization)
    return try loadBatch(dataset(), indices: Array(0..<Int(count)), transform: .evaluate(transform))
  }
}

@c @implementation
public func lm_resize(
  _ pixels: UnsafePointer<lm_pixels>?, _ height: Int64, _ width: Int64, _ resized: UnsafeMutablePointer<Float>?
) -> lm_status {
  attempt {
    let pixels = try given(pixels, "pixels").pointee
    let batch = try pixels.resampled(
      height: Int(height), width: Int(width), .none(channels: Int(pixels.channels)))
    try given(resized, "resized").update(from: batch.pixels.pointer, count: batch.pixels.count)
  }
}

@c @implementation
public func lm_image_load(_ path: UnsafePointer<CChar>?, _ image: UnsafeMutablePointer<OpaquePointer?>?) -> lm_status {
  attempt { try handOut(ImageBox(loadJPEG(text(path, "path"))), image) }
}

@c @implementation
public func lm_image_size(
  _ image: OpaquePointer?, _ height: UnsafeMutablePointer<Int64>?, _ width: UnsafeMutablePointer<Int64>?,
  _ channels: UnsafeMutablePointer<Int64>?
) {
  let box = try? object(image, ImageBox.self)
  height?.pointee = Int64(box?.height ?? 0)
  width?.pointee = Int64(box?.width ?? 0)
  channels?.pointee = Int64(box?.channels ?? 0)
}

@c @implementation
public func lm_image_read(_ image: OpaquePointer?, _ values: UnsafeMutablePointer<Float>?) {
  guard let box = try? object(image, ImageBox.self) else { return }
  values?.update(from: box.pixels.pointer, count: box.pixels.count)
}

@c @implementation
public func lm_image_free(_ image: OpaquePointer?) { release(image, ImageBox.self) }

@c @implementation
public func lm_dataset_folder(
  _ path: UnsafePointer<CChar>?, _ skipUnreadable: Bool, _ dataset: UnsafeMutablePointer<OpaquePointer?>?
) -> lm_status {
  attempt {
    let folder = try ImageFolder(path: text(path, "path"), onError: skipUnreadable ? .skip : .fail)
    try handOut(DatasetBox(folder), dataset)
  }
}

@c @implementation
public func lm_dataset_arrays(
  _ pixels: UnsafePointer<lm_pixels>?, _ labels: UnsafePointer<Int64>?,
  _ dataset: UnsafeMutablePointer<OpaquePointer?>?
) -> lm_status {
  attempt {
    let pixels = try given(pixels, "pixels").pointee
    let list = labels.map { UnsafeBufferPointer(start: $0, count: Int(max(pixels.count, 0))).map { Int($0) } }
    try handOut(DatasetBox(pixels.dataset(labels: list)), dataset)
  }
}

@c @implementation
public func lm_dataset_count(_ dataset: OpaquePointer?) -> Int64 {
  Int64((try? object(dataset, DatasetBox.self))?.dataset.count ?? 0)
}

@c @implementation
public func lm_dataset_labels(_ dataset: OpaquePointer?, _ labels: UnsafeMutablePointer<Int64>?) -> Bool {
  guard let known = (try? object(dataset, DatasetBox.self))?.dataset.labels else { return false }
  labels?.update(from: known.map { Int64($0) }, count: known.count)
  return true
}

@c @implementation
public func lm_dataset_description(
  _ dataset: OpaquePointer?, _ description: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> lm_status {
  attempt {
    let dataset = try object(dataset, DatasetBox.self).dataset
    let folder = dataset as? ImageFolder
    let json: JSONValue = .object([
      "classes": .array(dataset.classNames.map { .string($0) }),
      "paths": .array((folder.map { $0.paths } ?? []).map { .string($0) }),
      "skipped": .array((folder?.skipped ?? []).map { .array([.string($0.path), .string($0.reason)]) }),
    ])
    handOut(try json.text(), description)
  }
}

@c @implementation
public func lm_dataset_image(
  _ dataset: OpaquePointer?, _ index: Int64, _ image: UnsafeMutablePointer<OpaquePointer?>?
) -> lm_status {
  attempt { try handOut(ImageBox(object(dataset, DatasetBox.self).dataset.image(at: Int(index))), image) }
}

@c @implementation
public func lm_dataset_crops(
  _ dataset: OpaquePointer?, _ indices: UnsafePointer<Int64>?, _ count: Int64, _ modelOptions: UnsafePointer<CChar>?,
  _ trainingOptions: UnsafePointer<CChar>?, _ epoch: Int64, _ crops: UnsafeMutablePointer<Float>?
) -> lm_status {
  attempt {
    let training = try trainingConfiguration(trainingOptions)
    let augmentation = try training.augmentation(for: modelConfiguration(modelOptions))
    let asked = try list(indices, count)
    let batch = try loadBatch(
      object(dataset, DatasetBox.self).dataset, indices: asked, transform: .train(augmentation),
      seed: UInt64(training.seed), epoch: Int(epoch))
    batch.blankReplaced(of: asked)
    try given(crops, "crops").update(from: batch.pixels.pointer, count: batch.pixels.count)
  }
}

@c @implementation
public func lm_dataset_resized(
  _ dataset: OpaquePointer?, _ indices: UnsafePointer<Int64>?, _ count: Int64, _ resize: Int64, _ height: Int64,
  _ width: Int64, _ images: UnsafeMutablePointer<Float>?
) -> lm_status {
  attempt {
    let dataset = try object(dataset, DatasetBox.self).dataset
    let framing = try frame(shortSide: Int(resize), height: Int(height), width: Int(width))
    let transform = try EvaluationTransform(framing, normalization: .none(channels: dataset.channels))
    let asked = try list(indices, count)
    let batch = try loadBatch(dataset, indices: asked, transform: .evaluate(transform))
    batch.blankReplaced(of: asked)
    try given(images, "images").update(from: batch.pixels.pointer, count: batch.pixels.count)
  }
}

@c @implementation
public func lm_dataset_free(_ dataset: OpaquePointer?) { release(dataset, DatasetBox.self) }

/// Indices given as an array of C.
func list(_ values: UnsafePointer<Int64>?, _ count: Int64) throws -> [Int] {
  guard count > 0 else { throw ArgumentError("the number of indices is \(count), wanted at least 1") }
  return UnsafeBufferPointer(start: try given(values, "indices"), count: Int(count)).map { Int($0) }
}
