import CLatentMIM
import Compute
import Evaluation
import LatentMIM
import Tensors

@c @implementation
public func lm_encoder_of_model(
  _ model: OpaquePointer?, _ encoder: UnsafeMutablePointer<OpaquePointer?>?
) -> lm_status {
  attempt { try handOut(object(model, ModelBox.self).model.onlineEncoder, encoder) }
}

@c @implementation
public func lm_encoder_load(
  _ path: UnsafePointer<CChar>?, _ optionsText: UnsafePointer<CChar>?,
  _ encoder: UnsafeMutablePointer<OpaquePointer?>?,
  _ remarks: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> lm_status {
  attempt {
    let loaded = try Encoder.load(from: text(path, "path"), options: options(optionsText, "options"))
    try handOut(loaded.encoder, encoder)
    handOut(joined(loaded.remarks), remarks)
  }
}

@c @implementation
public func lm_encoder_from_arrays(
  _ arrays: OpaquePointer?, _ title: UnsafePointer<CChar>?, _ optionsText: UnsafePointer<CChar>?,
  _ encoder: UnsafeMutablePointer<OpaquePointer?>?, _ remarks: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> lm_status {
  attempt {
    let loaded = try Encoder.load(
      object(arrays, NamedArrays.self), title: text(title, "title"), options: options(optionsText, "model options"))
    try handOut(loaded.encoder, encoder)
    handOut(joined(loaded.remarks), remarks)
  }
}

@c @implementation
public func lm_encoder_save(_ encoder: OpaquePointer?, _ path: UnsafePointer<CChar>?) -> lm_status {
  attempt { try object(encoder, Encoder.self).save(to: text(path, "path")) }
}

@c @implementation
public func lm_encoder_configuration(
  _ encoder: OpaquePointer?, _ options: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> lm_status {
  attempt { handOut(try object(encoder, Encoder.self).configuration.json.text(), options) }
}

@c @implementation
public func lm_encoder_has_class_token(_ encoder: OpaquePointer?) -> Bool {
  (try? object(encoder, Encoder.self))?.hasClassToken ?? false
}

@c @implementation
public func lm_encoder_family(
  _ encoder: OpaquePointer?, _ family: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> lm_status {
  attempt { handOut(try object(encoder, Encoder.self).family, family) }
}

@c @implementation
public func lm_encoder_features(
  _ encoder: OpaquePointer?, _ pixels: UnsafePointer<lm_pixels>?, _ tap: lm_tap,
  _ precisionName: UnsafePointer<CChar>?, _ features: UnsafeMutablePointer<Float>?
) -> lm_status {
  attempt {
    let encoder = try object(encoder, Encoder.self)
    let images = try encoder.normalized(given(pixels, "pixels").pointee, "features")
    let tokens = try encoder.features(
      images,
      tap: FeatureTap(layer: tap.layer == -1 ? nil : Int(tap.layer), normed: tap.norm, projected: tap.projector),
      scaling: tap.extend_positions ? .extend : .span, precision: precision(precisionName))
    try given(features, "features").update(from: tokens.pointer, count: tokens.count)
  }
}

extension Encoder {
  /// Pixels at their own size, as the encoder wants them.
  fileprivate func normalized(_ pixels: lm_pixels, _ operation: String) throws -> Tensor {
    guard pixels.channels == configuration.channels else {
      throw ArgumentError(
        "\(operation): images have \(pixels.channels) channels, the encoder wants \(configuration.channels)")
    }
    let images = try pixels.resampled(
      height: Int(pixels.height), width: Int(pixels.width), configuration.normalization())
    return try Tensor(shape: images.shape, buffer: images.pixels)
  }
}

@c @implementation
public func lm_encoder_spread(
  _ encoder: OpaquePointer?, _ pixels: UnsafePointer<lm_pixels>?, _ precisionName: UnsafePointer<CChar>?,
  _ effectiveRanks: UnsafeMutablePointer<Double>?, _ similarities: UnsafeMutablePointer<Double>?
) -> lm_status {
  attempt {
    let encoder = try object(encoder, Encoder.self)
    let images = try encoder.normalized(given(pixels, "pixels").pointee, "spread")
    let found = try encoder.spread(images, precision: precision(precisionName))
    try given(effectiveRanks, "effective_ranks").update(from: found.map(\.effectiveRank), count: found.count)
    try given(similarities, "similarities").update(from: found.map(\.similarity), count: found.count)
  }
}

@c @implementation
public func lm_encoder_dataset_features(
  _ encoder: OpaquePointer?, _ dataset: OpaquePointer?, _ indices: UnsafePointer<Int64>?, _ count: Int64,
  _ optionsText: UnsafePointer<CChar>?, _ features: UnsafeMutablePointer<Float>?
) -> lm_status {
  attempt {
    let encoder = try object(encoder, Encoder.self)
    let found = try featureProtocol(optionsText, encoder).features(
      encoder, object(dataset, DatasetBox.self).dataset, indices: list(indices, count))
    try given(features, "features").update(from: found.pointer, count: found.count)
  }
}

@c @implementation
public func lm_encoder_features_width(
  _ encoder: OpaquePointer?, _ optionsText: UnsafePointer<CChar>?, _ width: UnsafeMutablePointer<Int64>?
) -> lm_status {
  attempt {
    let encoder = try object(encoder, Encoder.self)
    try given(width, "width").pointee = Int64(featureProtocol(optionsText, encoder).width(of: encoder))
  }
}

/// What feature options say over those of `nn`.
private func featureProtocol(_ text: UnsafePointer<CChar>?, _ encoder: Encoder) throws -> FeatureProtocol {
  try FeatureProtocol(
    FeatureOptions(json: options(text, FeatureOptions.name)), for: encoder.configuration,
    over: .nearestNeighbor(for: encoder.configuration))
}

@c @implementation
public func lm_encoder_free(_ encoder: OpaquePointer?) { release(encoder, Encoder.self) }
