import CLatentMIM
import Compute
import Evaluation
import Files
import Glibc
import Images
import LatentMIM

typealias DatasetBox = Box<any ImageDataset>

/// The data set behind a handle.
func dataset(_ handle: Handle) throws -> any ImageDataset { try object(handle, DatasetBox.self).value }

/// The files that images come from, or those of which these are some.
private func files(_ dataset: any ImageDataset) -> ImageFiles? {
  (dataset as? ImageSubset)?.base as? ImageFiles ?? dataset as? ImageFiles
}

/// The number of an image among its files; nil where there is no such image.
private func indexInFiles(_ dataset: any ImageDataset, _ index: Int) -> Int? {
  guard 0..<dataset.count ~= index else { return nil }
  return (dataset as? ImageSubset)?.indices[index] ?? index
}

/// [[index, reason], …] of the images that turned out unreadable so far.
private func skipped(_ dataset: any ImageDataset) -> JSONValue {
  guard let files = files(dataset), !files.skipped.isEmpty else { return [] }
  let candidates = dataset is ImageSubset ? Array(0..<dataset.count) : files.skipped
  return .array(
    candidates.compactMap { index in
      indexInFiles(dataset, index).flatMap { files.skipReason(at: $0) }.map { [.integer(index), .string($0)] }
    })
}

/// Texts with a zero behind each, in `count` bytes.
private func paths(_ bytes: Text, _ count: Int64, _ name: String) throws -> [FilePath] {
  if count == 0 { return [] }
  let bytes = UnsafeRawBufferPointer(try array(bytes, [count], name))
  guard bytes.last == 0 else { throw ArgumentError("\(name) does not end with a zero byte") }
  try OutOfMemory.check(for: bytes.count { $0 == 0 }, of: FilePath.self)
  return bytes.dropLast().split(separator: 0, omittingEmptySubsequences: false).map { FilePath(bytes: $0) }
}

@c @implementation public func lm_dataset_folder(
  _ path: Text, _ skipUnreadable: Bool, _ wanted: UnsafePointer<lm_conversion>?, _ alsoEndings: Text,
  _ dataset: HandlePlace, _ remarks: TextPlace
) -> lm_status {
  attempt(handingOut: dataset, remarks) {
    let also = try alsoEndings.map { try text($0, "also_endings").split(separator: ",").map(String.init) }
    let folder = try ImageFolder(
      path: filePath(path, "path"), alsoEndings: also ?? [], conversion: conversion(wanted),
      onError: skipUnreadable ? .skip : .fail)
    return (DatasetBox(folder), folder.remarks)
  }
}

@c @implementation public func lm_dataset_files(
  _ list: Text, _ bytes: Int64, _ labels: Integers, _ labelCount: Int64, _ classes: Text, _ classBytes: Int64,
  _ skipUnreadable: Bool, _ wanted: UnsafePointer<lm_conversion>?, _ dataset: HandlePlace
) -> lm_status {
  attempt(handingOut: dataset) {
    DatasetBox(
      try ImageFiles(
        paths: paths(list, bytes, "paths"), labels: labels.map { try integers($0, labelCount, "labels") },
        classNames: paths(classes, classBytes, "classes"), conversion: conversion(wanted),
        onError: skipUnreadable ? .skip : .fail))
  }
}

@c @implementation public func lm_dataset_packed(
  _ path: Text, _ skipUnreadable: Bool, _ wanted: UnsafePointer<lm_conversion>?, _ dataset: HandlePlace
) -> lm_status {
  attempt(handingOut: dataset) {
    DatasetBox(
      try PackedImages(
        path: filePath(path, "path"), conversion: conversion(wanted), onError: skipUnreadable ? .skip : .fail))
  }
}

@c @implementation public func lm_dataset_arrays(
  _ pixels: Pixels, _ labels: Integers, _ classes: Text, _ classBytes: Int64, _ dataset: HandlePlace
) -> lm_status {
  attempt(handingOut: dataset) {
    let pixels = try given(pixels, "pixels").pointee
    return DatasetBox(
      try pixels.dataset(
        labels: labels.map { try integers($0, pixels.count, "labels") },
        classNames: paths(classes, classBytes, "classes").map(\.text)))
  }
}

@c @implementation public func lm_dataset_subset(
  _ handle: Handle, _ indices: Integers, _ count: Int64, _ subset: HandlePlace
) -> lm_status {
  attempt(handingOut: subset) {
    DatasetBox(try ImageSubset(of: dataset(handle), indices: integers(indices, count, "indices")))
  }
}

@c @implementation public func lm_dataset_few_shot(
  _ handle: Handle, _ shots: Int64, _ seed: UInt64, _ indices: IntegerPlace, _ count: Int64
) -> lm_status {
  attempt {
    let drawn = try dataset(handle).fewShots(Int(shots), seed: seed)
    guard drawn.count == count else { throw ArgumentError("count is \(count), wanted \(drawn.count)") }
    try write(drawn.map { Int64($0) }, indices, "indices")
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
    let classes = files(dataset)?.exactClassNames ?? dataset.classNames.map { FilePath($0) }
    let names = classes.map(\.jsonText).joined(separator: ",")
    return "{\"classes\":[\(names)],\"skipped\":\(try skipped(dataset).text())}"
  }
}

@c @implementation public func lm_dataset_path(_ handle: Handle, _ index: Int64) -> Text {
  guard let dataset = try? dataset(handle), let place = indexInFiles(dataset, Int(index)) else { return nil }
  return files(dataset)?.cPath(at: place)
}

@c @implementation public func lm_dataset_fingerprint(_ handle: Handle, _ fingerprint: TextPlace) -> lm_status {
  attempt(handingOut: fingerprint) { try dataset(handle).fingerprint.json.text() }
}

@c @implementation public func lm_dataset_left_out_count(_ handle: Handle) -> Int64 {
  Int64((try? dataset(handle)).flatMap { files($0) as? ImageFolder }?.leftOutCount ?? 0)
}

@c @implementation public func lm_dataset_left_out(_ handle: Handle, _ list: TextPlace) -> lm_status {
  attempt(handingOut: list) {
    let folder = files(try dataset(handle)) as? ImageFolder
    let files = (0..<(folder?.leftOutCount ?? 0)).compactMap { folder?.leftOut(at: $0) }
    let pairs = try files.map { "[\($0.path.jsonText),\(try JSONValue.string($0.reason).text())]" }
    return "[\(pairs.joined(separator: ","))]"
  }
}

@c @implementation public func lm_dataset_image(_ handle: Handle, _ index: Int64, _ image: HandlePlace) -> lm_status {
  attempt(handingOut: image) { try ImageBox(dataset(handle).image(at: Int(index))) }
}

@c @implementation public func lm_dataset_sums(
  _ handle: Handle, _ indices: Integers, _ count: Int64, _ pixels: IntegerPlace, _ sums: NumberPlace,
  _ squares: NumberPlace
) -> lm_status {
  attempt {
    let total = try channelSums(dataset(handle), indices: integers(indices, count, "indices"))
    try given(pixels, "pixels").pointee = Int64(total.pixels)
    try write(total.sums, sums, "sums")
    try write(total.squares, squares, "squares")
  }
}

@c @implementation public func lm_dataset_crops(
  _ handle: Handle, _ indices: Integers, _ count: Int64, _ modelOptions: Text, _ trainingOptions: Text,
  _ epoch: Int64, _ crops: FloatPlace
) -> lm_status {
  attempt {
    let training = try trainingConfiguration(trainingOptions)
    let augmentation = try training.augmentation(for: modelConfiguration(modelOptions))
    try loadRows(
      dataset(handle), indices: integers(indices, count, "indices"), transform: .train(augmentation),
      seed: UInt64(training.seed), epoch: Int(epoch), into: given(crops, "crops"))
  }
}

@c @implementation public func lm_dataset_resized(
  _ handle: Handle, _ indices: Integers, _ count: Int64, _ resize: Int64, _ height: Int64, _ width: Int64,
  _ images: FloatPlace
) -> lm_status {
  attempt {
    let dataset = try dataset(handle)
    let framing = try frame(shortSide: Int(resize), height: Int(height), width: Int(width))
    let transform = try EvaluationTransform(framing, normalization: .none(channels: dataset.channels))
    try loadRows(
      dataset, indices: integers(indices, count, "indices"), transform: .evaluate(transform),
      into: given(images, "images"))
  }
}
