import CLatentMIM
import Compute
import Evaluation
import LatentMIM

/// The encoder behind a handle.
func encoder(_ handle: Handle) throws -> Encoder { try object(handle, Encoder.self) }

@c @implementation public func lm_encoder_of_model(_ handle: Handle, _ encoder: HandlePlace) -> lm_status {
  attempt(handingOut: encoder) { try model(handle).onlineEncoder }
}

@c @implementation public func lm_encoder_load(
  _ path: Text, _ optionsText: Text, _ encoder: HandlePlace, _ remarks: TextPlace
) -> lm_status {
  attempt(handingOut: encoder, remarks) {
    let loaded = try Encoder.load(from: filePath(path, "path"), options: options(optionsText, "options"))
    return (loaded.encoder, loaded.remarks)
  }
}

@c @implementation public func lm_encoder_from_arrays(
  _ arrays: ArrayList, _ count: Int64, _ title: Text, _ optionsText: Text, _ encoder: HandlePlace, _ remarks: TextPlace
) -> lm_status {
  attempt(handingOut: encoder, remarks) {
    let loaded = try Encoder.load(
      NamedArrays(arrays, count), title: text(title, "title"), options: options(optionsText, "model options"))
    return (loaded.encoder, loaded.remarks)
  }
}

@c @implementation public func lm_encoder_save(_ handle: Handle, _ path: Text) -> lm_status {
  attempt { try encoder(handle).save(to: filePath(path, "path")) }
}

@c @implementation public func lm_encoder_configuration(_ handle: Handle, _ options: TextPlace) -> lm_status {
  attempt(handingOut: options) { try encoder(handle).configuration.json.text() }
}

@c @implementation public func lm_encoder_family(_ handle: Handle, _ family: TextPlace) -> lm_status {
  attempt(handingOut: family) { try encoder(handle).family }
}

@c @implementation public func lm_encoder_has_class_token(_ handle: Handle) -> Bool {
  (try? encoder(handle))?.hasClassToken ?? false
}

@c @implementation public func lm_encoder_features(
  _ handle: Handle, _ pixels: Pixels, _ tap: lm_tap, _ precisionName: Text, _ features: FloatPlace
) -> lm_status {
  attempt {
    let encoder = try encoder(handle)
    let tokens = try encoder.features(
      encoder.normalized(given(pixels, "pixels").pointee.dataset(), for: "features"),
      tap: FeatureTap(layer: tap.layer == -1 ? nil : Int(tap.layer), normed: tap.norm, projected: tap.projector),
      scaling: tap.extend_positions ? .extend : .span, precision: precision(precisionName))
    try write(tokens.buffer.values, features, "features")
  }
}

@c @implementation public func lm_encoder_spread(
  _ handle: Handle, _ pixels: Pixels, _ precisionName: Text, _ effectiveRanks: NumberPlace,
  _ similarities: NumberPlace
) -> lm_status {
  attempt {
    let encoder = try encoder(handle)
    let found = try encoder.spread(
      encoder.normalized(given(pixels, "pixels").pointee.dataset(), for: "spread"), precision: precision(precisionName))
    try write(found.map(\.effectiveRank), effectiveRanks, "effective_ranks")
    try write(found.map(\.similarity), similarities, "similarities")
  }
}

@c @implementation public func lm_encoder_dataset_features(
  _ handle: Handle, _ images: Handle, _ indices: Integers, _ count: Int64, _ optionsText: Text, _ features: FloatPlace
) -> lm_status {
  attempt {
    let encoder = try encoder(handle)
    let found = try featureProtocol(optionsText, encoder.configuration).features(
      encoder, dataset(images), indices: integers(indices, count, "indices"))
    try write(found.values, features, "features")
  }
}

@c @implementation public func lm_encoder_features_width(
  _ handle: Handle, _ optionsText: Text, _ width: IntegerPlace
) -> lm_status {
  attempt {
    let encoder = try encoder(handle)
    try given(width, "width").pointee = Int64(
      featureProtocol(optionsText, encoder.configuration).width(of: encoder))
  }
}

/// What feature options say over those of `nn`.
private func featureProtocol(_ text: Text, _ model: ModelConfiguration) throws -> FeatureProtocol {
  try FeatureProtocol(json: options(text, FeatureOptions.name), for: model, over: .nearestNeighbor(for: model))
}
