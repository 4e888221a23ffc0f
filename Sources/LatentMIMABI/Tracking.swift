import CLatentMIM
import Compute
import Files
import Images
import LatentMIM
import Segmentation

public typealias LabelBytes = UnsafePointer<UInt8>?

private func trackingOptions(_ encoder: Encoder?, _ text: Text) throws -> TrackingOptions {
  try TrackingOptions(
    json: options(text, TrackingOptions.name), for: encoder?.configuration ?? ModelConfiguration())
}

/// The one image of `pixels`, in place.
private func frame(_ pixels: Pixels) throws -> Image {
  let images = try given(pixels, "frame").pointee.dataset()
  guard images.count == 1, case .decoded(let image) = try images.source(at: 0) else {
    throw ArgumentError("\(images.count) images were given, wanted one")
  }
  return image
}

private func labels(_ start: LabelBytes, of frame: Image) throws -> [UInt8] {
  Array(try array(start, [Int64(frame.height), Int64(frame.width)], "labels"))
}

@c @implementation public func lm_tracking_options(_ handle: Handle, _ optionsText: Text, _ resolved: TextPlace)
  -> lm_status
{
  attempt(handingOut: resolved) {
    try trackingOptions(handle == nil ? nil : encoder(handle), optionsText).allOptions.text()
  }
}

@c @implementation public func lm_tracker_create(_ handle: Handle, _ optionsText: Text, _ tracker: HandlePlace)
  -> lm_status
{
  attempt(handingOut: tracker) {
    let encoder = try encoder(handle)
    return try Tracker(encoder, options: trackingOptions(encoder, optionsText))
  }
}

@c @implementation public func lm_tracker_start(_ handle: Handle, _ pixels: Pixels, _ labelStart: LabelBytes)
  -> lm_status
{
  attempt {
    let tracker = try object(handle, Tracker.self)
    let first = try TrackingError.naming(frame: 0) { try frame(pixels) }
    try tracker.start(first, labels: labels(labelStart, of: first))
  }
}

@c @implementation public func lm_tracker_add(
  _ handle: Handle, _ pixels: Pixels, _ labelStart: LabelBytes, _ tracked: UnsafeMutablePointer<UInt8>?
) -> lm_status {
  attempt {
    let tracker = try object(handle, Tracker.self)
    let next = try TrackingError.naming(frame: tracker.frames) { try frame(pixels) }
    let given = try labelStart == nil ? nil : labels(labelStart, of: next)
    try write(tracker.add(next, labels: given), tracked, "tracked")
  }
}

@c @implementation public func lm_tracker_description(_ handle: Handle, _ description: TextPlace) -> lm_status {
  attempt(handingOut: description) {
    let tracker = try object(handle, Tracker.self)
    return try JSONValue.object([
      "options": tracker.options.allOptions, "frames": .integer(tracker.frames),
      "objects": .array(tracker.objects.map { .integer(Int($0)) }),
      "size": tracker.networkSize.map { .array([.integer($0.height), .integer($0.width)]) } ?? .null,
    ]).text()
  }
}
