import CLatentMIM
import Evaluation
import Files
import Images
import LatentMIM

typealias DatasetBox = Box<any ImageDataset>

/// The data set behind a handle.
func dataset(_ handle: Handle) throws -> any ImageDataset { try object(handle, DatasetBox.self).value }

@c @implementation public func lm_dataset_folder(_ path: Text, _ skipUnreadable: Bool, _ dataset: HandlePlace)
  -> lm_status
{
  attempt(handingOut: dataset) {
    DatasetBox(try ImageFolder(path: text(path, "path"), onError: skipUnreadable ? .skip : .fail))
  }
}

@c @implementation public func lm_dataset_arrays(
  _ pixels: UnsafePointer<lm_pixels>?, _ labels: Integers, _ dataset: HandlePlace
) -> lm_status {
  attempt(handingOut: dataset) {
    let pixels = try given(pixels, "pixels").pointee
    return DatasetBox(try pixels.dataset(labels: labels.map { try integers($0, pixels.count, "labels") }))
  }
}

@c @implementation public func lm_dataset_count(_ handle: Handle) -> Int64 { Int64((try? dataset(handle))?.count ?? 0) }

@c @implementation public func lm_dataset_channels(_ handle: Handle) -> Int64 {
  Int64((try? dataset(handle))?.channels ?? 0)
}

@c @implementation public func lm_dataset_labels(_ handle: Handle, _ labels: IntegerPlace) -> Bool {
  guard let known = (try? dataset(handle))?.labels else { return false }
  labels?.update(from: known.map { Int64($0) }, count: known.count)
  return true
}

@c @implementation public func lm_dataset_description(_ handle: Handle, _ description: TextPlace) -> lm_status {
  attempt(handingOut: description) {
    let dataset = try dataset(handle)
    let folder = dataset as? ImageFolder
    let json: JSONValue = .object([
      "classes": .array(dataset.classNames.map { .string($0) }),
      "paths": .array((folder?.paths ?? []).map { .string($0) }),
      "skipped": .array((folder?.skipped ?? []).map { .array([.string($0.path), .string($0.reason)]) }),
    ])
    return try json.text()
  }
}

@c @implementation public func lm_dataset_image(_ handle: Handle, _ index: Int64, _ image: HandlePlace) -> lm_status {
  attempt(handingOut: image) { try ImageBox(dataset(handle).image(at: Int(index))) }
}

@c @implementation public func lm_dataset_crops(
  _ handle: Handle, _ indices: Integers, _ count: Int64, _ modelOptions: Text, _ trainingOptions: Text,
  _ epoch: Int64, _ crops: FloatPlace
) -> lm_status {
  attempt {
    let training = try trainingConfiguration(trainingOptions)
    let augmentation = try training.augmentation(for: modelConfiguration(modelOptions))
    let batch = try loadBatch(
      dataset(handle), indices: integers(indices, count, "indices"), transform: .train(augmentation),
      seed: UInt64(training.seed), epoch: Int(epoch))
    try write(batch.pixels.values, crops, "crops")
  }
}

@c @implementation public func lm_dataset_resized(
  _ handle: Handle, _ indices: Integers, _ count: Int64, _ resize: Int64, _ height: Int64, _ width: Int64,
  _ images: FloatPlace
) -> lm_status {
  attempt {
    let dataset = try dataset(handle)
    let framing = try frame(resize: Int(resize), height: Int(height), width: Int(width))
    let transform = try EvaluationTransform(framing, normalization: .none(channels: dataset.channels))
    let batch = try loadBatch(
      dataset, indices: integers(indices, count, "indices"), transform: .evaluate(transform))
    try write(batch.pixels.values, images, "images")
  }
}

@c @implementation public func lm_dataset_free(_ handle: Handle) { release(handle, DatasetBox.self) }
