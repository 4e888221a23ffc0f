import CLatentMIM
import Compute
import Evaluation
import LatentMIM
import Networks

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

@c @implementation public func lm_weights_list(_ path: Text, _ tensors: TextPlace) -> lm_status {
  attempt(handingOut: tensors) { try weightsList(at: filePath(path, "path")).text() }
}

@c @implementation public func lm_encoder_norm_pooled(
  _ handle: Handle, _ pooled: FloatPlace, _ count: Int64
) -> lm_status {
  attempt {
    let encoder = try encoder(handle)
    let rows = try Buffer(
      array(pooled.map { UnsafePointer($0) }, [count, Int64(encoder.configuration.width)], "pooled"))
    try encoder.norm(pooled: rows)
    try write(rows.values, pooled, "pooled")
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

@c @implementation public func lm_encoder_description(_ handle: Handle, _ description: TextPlace) -> lm_status {
  attempt(handingOut: description) { try encoder(handle).description().text() }
}

@c @implementation public func lm_encoder_read_tensors(
  _ handle: Handle, _ values: FloatPlace, _ count: Int64
) -> lm_status {
  attempt {
    let tensors = try encoder(handle).storedTensors().map(\.tensor)
    let wanted = tensors.reduce(0) { $0 + $1.count }
    guard count == Int64(wanted) else { throw ArgumentError("values has room for \(count) numbers, wanted \(wanted)") }
    var place = try given(values, "values")
    for tensor in tensors {
      place.update(from: tensor.pointer, count: tensor.count)
      place += tensor.count
    }
  }
}

@c @implementation public func lm_encoder_fingerprint(_ handle: Handle, _ fingerprint: TextPlace) -> lm_status {
  attempt(handingOut: fingerprint) { try encoder(handle).fingerprint() }
}

@c @implementation public func lm_encoder_has_class_token(_ handle: Handle) -> Bool {
  (try? encoder(handle))?.hasClassToken ?? false
}

@c @implementation public func lm_encoder_grid(
  _ handle: Handle, _ height: Int64, _ width: Int64, _ stride: Int64, _ grid: UnsafeMutablePointer<lm_grid>?
) -> lm_status {
  attempt {
    let encoder = try encoder(handle)
    let found = try encoder.grid(height: Int(height), width: Int(width), stride: given(stride))
    try given(grid, "grid").pointee = lm_grid(
      rows: Int64(found.rows), columns: Int64(found.columns), tokens: Int64(encoder.featureTokens(found)),
      attended_tokens: Int64(encoder.attendedTokens(found)))
  }
}

@c @implementation public func lm_encoder_nearest_size(
  _ handle: Handle, _ height: Int64, _ width: Int64, _ shortSide: Int64, _ stride: Int64,
  _ nearestHeight: IntegerPlace, _ nearestWidth: IntegerPlace
) -> lm_status {
  attempt {
    let found = try encoder(handle).nearestSize(
      height: Int(height), width: Int(width), shortSide: given(shortSide), stride: given(stride))
    try given(nearestHeight, "nearest_height").pointee = Int64(found.height)
    try given(nearestWidth, "nearest_width").pointee = Int64(found.width)
  }
}

@c @implementation public func lm_encoder_features(
  _ handle: Handle, _ pixels: Pixels, _ tap: lm_tap, _ precisionName: Text, _ features: FloatPlace
) -> lm_status {
  attempt {
    let encoder = try encoder(handle)
    let tokens = try encoder.features(
      encoder.normalized(given(pixels, "pixels").pointee.dataset(), for: "features"), tap: FeatureTap(tap),
      scaling: tap.scaling, stride: given(tap.stride), precision: precision(precisionName))
    try write(tokens.buffer.values, features, "features")
  }
}

@c @implementation public func lm_encoder_attention(
  _ handle: Handle, _ pixels: Pixels, _ tap: lm_tap, _ queries: UnsafePointer<Int32>?, _ queryCount: Int64,
  _ precisionName: Text, _ weights: FloatPlace
) -> lm_status {
  attempt {
    let encoder = try encoder(handle)
    let layers = try FeatureTap(tap).layers
    guard (layers ?? [1]).count == 1 else { throw ArgumentError("attention: wanted one layer, or none for the last") }
    let chosen = try queries.map { Array(try array($0, [queryCount], "queries")) }
    try encoder.attention(
      encoder.normalized(given(pixels, "pixels").pointee.dataset(), for: "attention"), layer: layers?.first,
      queries: chosen, scaling: tap.scaling, stride: given(tap.stride), precision: precision(precisionName),
      into: given(weights, "weights"))
  }
}

extension FeatureTap {
  fileprivate init(_ tap: lm_tap) throws {
    self.init(
      layers: try tap.layers.map { try array($0, [tap.layer_count], "layers").map { Int($0) } },
      part: try tap.part == nil ? .tokens : choice(tap.part, "part"), normed: tap.norm, projected: tap.projector)
  }
}

extension lm_tap {
  fileprivate var scaling: PositionScaling { extend_positions ? .extend : .span }
}

/// A number of pixels; 0 stands for none.
private func given(_ pixels: Int64) -> Int? { pixels == 0 ? nil : Int(pixels) }

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
func featureProtocol(_ text: Text, _ model: ModelConfiguration) throws -> FeatureProtocol {
  try FeatureProtocol(json: options(text, FeatureOptions.name), for: model, over: .nearestNeighbor(for: model))
}
