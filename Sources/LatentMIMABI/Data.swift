import Files
import CLatentMIM
import Compute
import Evaluation
import Glibc
import Images
import LatentMIM
import Tensors

/// A data set behind a handle.
final class DatasetBox {
  let dataset: any ImageDataset
  init(_ dataset: any ImageDataset) { self.dataset = dataset }

  /// The folder that the images, or those of which these are some, come from.
  var folder: ImageFolder? { (dataset as? ImageSubset)?.base as? ImageFolder ?? dataset as? ImageFolder }

  /// The number of an image in the folder; nil where there is no such image.
  func indexInBase(_ index: Int) -> Int? {
    guard 0..<dataset.count ~= index else { return nil }
    return (dataset as? ImageSubset)?.indices[index] ?? index
  }

  /// The images that turned out unreadable so far, and why.
  var skipped: [(index: Int, reason: String)] {
    guard let folder, !folder.skipped.isEmpty else { return [] }
    let candidates = dataset is ImageSubset ? Array(0..<dataset.count) : folder.skipped
    return candidates.compactMap { index in
      indexInBase(index).flatMap { folder.skipReason(at: $0) }.map { (index, $0) }
    }
  }
}

/// A decoded image behind a handle.
final class ImageBox {
  let image: Image
  init(_ image: Image) { self.image = image }
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
public func lm_pixels_check(_ pixels: UnsafePointer<lm_pixels>?) -> lm_status {
  attempt { _ = try given(pixels, "pixels").pointee.dataset() }
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
public func lm_image_formats(_ formats: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> lm_status {
  attempt {
    let pairs = ImageCodec.all.map { ($0.name, JSONValue.array($0.endings.map { .string("." + $0) })) }
    handOut(try JSONValue.object(Dictionary(uniqueKeysWithValues: pairs)).text(), formats)
  }
}

@c @implementation
public func lm_image_load(_ path: UnsafePointer<CChar>?, _ image: UnsafeMutablePointer<OpaquePointer?>?) -> lm_status {
  attempt { try handOut(ImageBox(loadImage(filePath(path, "path"))), image) }
}

@c @implementation
public func lm_image_size(
  _ image: OpaquePointer?, _ height: UnsafeMutablePointer<Int64>?, _ width: UnsafeMutablePointer<Int64>?,
  _ channels: UnsafeMutablePointer<Int64>?
) {
  let box = try? object(image, ImageBox.self)
  height?.pointee = Int64(box?.image.height ?? 0)
  width?.pointee = Int64(box?.image.width ?? 0)
  channels?.pointee = Int64(box?.image.channels ?? 0)
}

@c @implementation
public func lm_image_read(_ image: OpaquePointer?, _ values: UnsafeMutablePointer<Float>?) {
  guard let box = try? object(image, ImageBox.self), let values else { return }
  box.image.copyFloats(to: values)
}

@c @implementation
public func lm_image_free(_ image: OpaquePointer?) { release(image, ImageBox.self) }

@c @implementation
public func lm_dataset_folder(
  _ path: UnsafePointer<CChar>?, _ skipUnreadable: Bool, _ dataset: UnsafeMutablePointer<OpaquePointer?>?,
  _ remarks: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> lm_status {
  attempt {
    let folder = try ImageFolder(path: filePath(path, "path"), onError: skipUnreadable ? .skip : .fail)
    try handOut(DatasetBox(folder), dataset)
    handOut(joined(folder.remarks), remarks)
  }
}

@c @implementation
public func lm_dataset_arrays(
  _ pixels: UnsafePointer<lm_pixels>?, _ labels: UnsafePointer<Int64>?,
  _ dataset: UnsafeMutablePointer<OpaquePointer?>?
) -> lm_status {
  attempt {
    let pixels = try given(pixels, "pixels").pointee
    // An impossible number of images is told before as many labels are read.
    let count = try pixels.dataset().count
    try requireMemory(for: count, of: Int.self)
    let list = labels.map { UnsafeBufferPointer(start: $0, count: count).map { Int($0) } }
    try handOut(DatasetBox(pixels.dataset(labels: list)), dataset)
  }
}

@c @implementation
public func lm_dataset_subset(
  _ dataset: OpaquePointer?, _ indices: UnsafePointer<Int64>?, _ count: Int64,
  _ subset: UnsafeMutablePointer<OpaquePointer?>?
) -> lm_status {
  attempt {
    let base = try object(dataset, DatasetBox.self).dataset
    try handOut(DatasetBox(ImageSubset(of: base, indices: list(indices, count))), subset)
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
    let box = try object(dataset, DatasetBox.self)
    let classes = box.folder?.classFolders ?? box.dataset.classNames.map { FilePath($0) }
    let skipped = JSONValue.array(box.skipped.map { .array([.integer($0.index), .string($0.reason)]) })
    handOut(
      "{\"classes\":[\(classes.map(\.jsonText).joined(separator: ","))],\"skipped\":\(try skipped.text())}", description
    )
  }
}

@c @implementation
public func lm_dataset_path(_ dataset: OpaquePointer?, _ index: Int64) -> UnsafePointer<CChar>? {
  guard let box = try? object(dataset, DatasetBox.self), let place = box.indexInBase(Int(index)) else { return nil }
  return box.folder?.cPath(at: place)
}

@c @implementation
public func lm_dataset_left_out_count(_ dataset: OpaquePointer?) -> Int64 {
  Int64((try? object(dataset, DatasetBox.self))?.folder?.leftOutCount ?? 0)
}

@c @implementation
public func lm_dataset_left_out(
  _ dataset: OpaquePointer?, _ index: Int64, _ path: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ reason: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> lm_status {
  attempt {
    let folder = try object(dataset, DatasetBox.self).folder
    guard let file = folder?.leftOut(at: Int(index)) else {
      throw ArgumentError("index is \(index), wanted 0 ..< \(folder?.leftOutCount ?? 0)")
    }
    path?.pointee = file.path.withCString { strdup($0) }
    handOut(file.reason, reason)
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
    let batch = try loadBatch(
      object(dataset, DatasetBox.self).dataset, indices: list(indices, count), transform: .train(augmentation),
      seed: UInt64(training.seed), epoch: Int(epoch))
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
    let framing = try frame(resize: Int(resize), height: Int(height), width: Int(width))
    let transform = try EvaluationTransform(framing, normalization: .none(channels: dataset.channels))
    let batch = try loadBatch(dataset, indices: list(indices, count), transform: .evaluate(transform))
    try given(images, "images").update(from: batch.pixels.pointer, count: batch.pixels.count)
  }
}

@c @implementation
public func lm_dataset_free(_ dataset: OpaquePointer?) { release(dataset, DatasetBox.self) }

/// Indices given as an array of C.
func list(_ values: UnsafePointer<Int64>?, _ count: Int64) throws -> [Int] {
  guard count > 0 else { throw ArgumentError("the number of indices is \(count), wanted at least 1") }
  try requireMemory(for: Int(count), of: Int.self)
  return UnsafeBufferPointer(start: try given(values, "indices"), count: Int(count)).map { Int($0) }
}
