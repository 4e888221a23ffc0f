import CLatentMIM
import Compute
import Files
import Images

typealias ImageBox = Box<Image>
typealias LabelMapBox = Box<LabelMap>

extension lm_pixels {
  /// The pixels as a data set, in place; labels are checked there.
  func dataset(labels: [Int]? = nil, classNames: [String] = []) throws -> ImageArrays {
    let count = try elementCount([count, height, width, channels], "pixels")
    let start = try given(values, "pixels.values")
    let element: PixelElement
    switch type {
    case LM_UINT8: element = .uint8
    case LM_UINT16: element = .uint16
    case LM_FLOAT32: element = .float32
    default: throw ArgumentError("pixels.type is \(type.rawValue), wanted LM_UINT8, LM_UINT16 or LM_FLOAT32")
    }
    let memory = PixelMemory(borrowing: start, element, count: count)
    return try ImageArrays(
      memory, shape: [self.count, height, width, channels].map { Int($0) }, labels: labels, classNames: classNames)
  }
}

@c @implementation public func lm_pixels_check(_ pixels: Pixels) -> lm_status {
  attempt { _ = try given(pixels, "pixels").pointee.dataset() }
}

@c @implementation public func lm_resize(
  _ pixels: Pixels, _ height: Int64, _ width: Int64, _ resized: FloatPlace
) -> lm_status {
  attempt {
    let images = try given(pixels, "pixels").pointee.dataset()
    try images.resample(
      height: Int(height), width: Int(width), .none(channels: images.channels), into: given(resized, "resized"))
  }
}

@c @implementation public func lm_image_formats(_ formats: TextPlace) -> lm_status {
  attempt(handingOut: formats) {
    let pairs = ImageCodec.all.map { ($0.name, JSONValue.array($0.endings.map { .string("." + $0) })) }
    return try JSONValue.object(Dictionary(uniqueKeysWithValues: pairs)).text()
  }
}

/// NULL: RGB on white.
func conversion(_ pointer: UnsafePointer<lm_conversion>?) throws -> PixelConversion {
  guard let wanted = pointer?.pointee else { return .rgb }
  let background = [wanted.background.0, wanted.background.1, wanted.background.2]
  return try PixelConversion(channels: Int(wanted.channels), background: background)
}

@c @implementation public func lm_image_load(
  _ path: Text, _ wanted: UnsafePointer<lm_conversion>?, _ image: HandlePlace
) -> lm_status {
  attempt(handingOut: image) { try ImageBox(loadImage(filePath(path, "path"), conversion(wanted))) }
}

@c @implementation public func lm_image_size(
  _ image: Handle, _ height: IntegerPlace, _ width: IntegerPlace, _ channels: IntegerPlace
) {
  let decoded = (try? object(image, ImageBox.self))?.value
  let shape = decoded.map { [$0.height, $0.width, $0.channels] } ?? [0, 0, 0]
  for (place, size) in zip([height, width, channels], shape) { place?.pointee = Int64(size) }
}

@c @implementation public func lm_image_read(_ image: Handle, _ values: FloatPlace) {
  guard let decoded = (try? object(image, ImageBox.self))?.value, let values else { return }
  decoded.copyFloats(to: values)
}

@c @implementation public func lm_labels_load(_ path: Text, _ map: HandlePlace) -> lm_status {
  attempt(handingOut: map) { try LabelMapBox(loadLabels(filePath(path, "path"))) }
}

@c @implementation public func lm_labels_size(_ map: Handle, _ height: IntegerPlace, _ width: IntegerPlace) {
  let read = (try? object(map, LabelMapBox.self))?.value
  height?.pointee = Int64(read?.height ?? 0)
  width?.pointee = Int64(read?.width ?? 0)
}

@c @implementation public func lm_labels_read(_ map: Handle, _ labels: LabelPlace) {
  guard let read = (try? object(map, LabelMapBox.self))?.value else { return }
  try? write(read.labels, labels, "labels")
}

@c @implementation public func lm_labels_save(
  _ path: Text, _ labels: UnsafePointer<Int32>?, _ height: Int64, _ width: Int64
) -> lm_status {
  attempt {
    let given = try array(labels, [height, width], "labels")
    try saveLabels(
      LabelMap(height: Int(height), width: Int(width), labels: Array(given)), to: filePath(path, "path"))
  }
}
