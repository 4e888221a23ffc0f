import CLatentMIM
import Compute
import Glibc
import LatentMIM
import Networks
import Tensors

/// A model behind a handle, with its parameters in a list and their names as C strings.
final class ModelBox {
  let model: LatentMIMModel
  let parameters: [NamedParameter]
  let names: [UnsafeMutablePointer<CChar>?]
  let trainedCount: Int

  init(_ model: LatentMIMModel) {
    self.model = model
    parameters = model.parameters
    names = parameters.map { strdup($0.name) }
    trainedCount = model.onlineParameters.count
  }

  deinit { names.forEach { free($0) } }

  func parameter(at index: Int64) throws -> NamedParameter {
    guard (0..<Int64(parameters.count)).contains(index) else {
      throw ArgumentError("parameter index is \(index), wanted 0 ..< \(parameters.count)")
    }
    return parameters[Int(index)]
  }
}

@c @implementation
public func lm_arrays_create(_ arrays: UnsafeMutablePointer<OpaquePointer?>?) -> lm_status {
  attempt { try handOut(NamedArrays(), arrays) }
}

@c @implementation
public func lm_arrays_add(
  _ arrays: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ shape: UnsafePointer<Int64>?, _ dimensions: Int32,
  _ values: UnsafePointer<Float>?
) -> lm_status {
  attempt {
    let name = try text(name, "name")
    guard (0...32).contains(dimensions) else { throw ArgumentError("\(name) has \(dimensions) dimensions") }
    let sizes =
      dimensions == 0 ? [] : Array(UnsafeBufferPointer(start: try given(shape, "shape"), count: Int(dimensions)))
    let count = try elementCount(sizes, name)
    try object(arrays, NamedArrays.self).add(
      name, shape: sizes.map { Int($0) }, values: UnsafeBufferPointer(start: given(values, "values"), count: count))
  }
}

@c @implementation
public func lm_arrays_free(_ arrays: OpaquePointer?) { release(arrays, NamedArrays.self) }

@c @implementation
public func lm_model_create(
  _ options: UnsafePointer<CChar>?, _ seed: UInt64, _ model: UnsafeMutablePointer<OpaquePointer?>?
) -> lm_status {
  attempt { try handOut(ModelBox(LatentMIMModel(modelConfiguration(options), seed: seed)), model) }
}

@c @implementation
public func lm_model_load(
  _ path: UnsafePointer<CChar>?, _ optionsText: UnsafePointer<CChar>?,
  _ model: UnsafeMutablePointer<OpaquePointer?>?,
  _ remarks: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> lm_status {
  attempt {
    let loaded = try LatentMIMModel.load(from: text(path, "path"), options: options(optionsText, "options"))
    try handOut(ModelBox(loaded.model), model)
    handOut(joined(loaded.remarks), remarks)
  }
}

@c @implementation
public func lm_model_from_arrays(
  _ arrays: OpaquePointer?, _ title: UnsafePointer<CChar>?, _ optionsText: UnsafePointer<CChar>?,
  _ model: UnsafeMutablePointer<OpaquePointer?>?, _ remarks: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> lm_status {
  attempt {
    let loaded = try LatentMIMModel.load(
      object(arrays, NamedArrays.self), title: text(title, "title"), options: options(optionsText, "model options"))
    try handOut(ModelBox(loaded.model), model)
    handOut(joined(loaded.remarks), remarks)
  }
}

@c @implementation
public func lm_model_set_parameters(
  _ model: OpaquePointer?, _ arrays: OpaquePointer?, _ title: UnsafePointer<CChar>?,
  _ remarks: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> lm_status {
  attempt {
    let found = try object(model, ModelBox.self).model.load(
      object(arrays, NamedArrays.self), title: text(title, "title"))
    handOut(joined(found), remarks)
  }
}

@c @implementation
public func lm_model_save(_ model: OpaquePointer?, _ path: UnsafePointer<CChar>?) -> lm_status {
  attempt { try object(model, ModelBox.self).model.save(to: text(path, "path")) }
}

@c @implementation
public func lm_model_configuration(
  _ model: OpaquePointer?, _ options: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> lm_status {
  attempt { handOut(try object(model, ModelBox.self).model.configuration.json.text(), options) }
}

@c @implementation
public func lm_model_loss_bounds(
  _ model: OpaquePointer?, _ chance: UnsafeMutablePointer<Double>?, _ floor: UnsafeMutablePointer<Double>?
) {
  let configuration = (try? object(model, ModelBox.self))?.model.configuration
  chance?.pointee = configuration?.lossBounds.chance ?? .nan
  floor?.pointee = configuration?.lossBounds.floor ?? .nan
}

@c @implementation
public func lm_model_parameter_count(_ model: OpaquePointer?) -> Int64 {
  Int64((try? object(model, ModelBox.self))?.parameters.count ?? 0)
}

@c @implementation
public func lm_model_parameter(
  _ model: OpaquePointer?, _ index: Int64, _ parameter: UnsafeMutablePointer<lm_parameter>?
) -> lm_status {
  attempt {
    let box = try object(model, ModelBox.self)
    let shape = try box.parameter(at: index).parameter.shape.map { Int64($0) }
    let padded = shape + Array(repeating: 1, count: 4 - shape.count)
    try given(parameter, "parameter").pointee = lm_parameter(
      name: UnsafePointer(box.names[Int(index)]), shape: (padded[0], padded[1], padded[2], padded[3]),
      dimensions: Int32(shape.count), trained: index < box.trainedCount)
  }
}

@c @implementation
public func lm_model_read_parameter(
  _ model: OpaquePointer?, _ index: Int64, _ values: UnsafeMutablePointer<Float>?
) -> lm_status {
  attempt {
    let tensor = try object(model, ModelBox.self).parameter(at: index).parameter.tensor
    try given(values, "values").update(from: tensor.pointer, count: tensor.count)
  }
}

@c @implementation
public func lm_model_read_gradient(
  _ model: OpaquePointer?, _ index: Int64, _ values: UnsafeMutablePointer<Float>?
) -> lm_status {
  attempt {
    let tensor = try object(model, ModelBox.self).parameter(at: index).parameter.tensor
    let place = try given(values, "values")
    if let gradient = tensor.gradient?.value {
      place.update(from: gradient.pointer, count: gradient.count)
    } else {
      place.update(repeating: 0, count: tensor.count)
    }
  }
}

@c @implementation
public func lm_model_loss(
  _ model: OpaquePointer?, _ crops: UnsafePointer<lm_crops>?, _ gamma: Double, _ seed: UInt64,
  _ precisionName: UnsafePointer<CChar>?, _ metrics: UnsafeMutablePointer<lm_batch_metrics>?
) -> lm_status {
  attempt {
    let model = try object(model, ModelBox.self).model
    let crops = try TrainingCrops(given(crops, "crops").pointee, model.configuration)
    let found = try precision(precisionName).compute(dropoutPlan: model.configuration.dropoutPlan(seed: seed)) {
      try model.loss(crops, gamma: gamma)
    }
    metrics?.pointee = lm_batch_metrics(found)
  }
}

extension TrainingCrops {
  /// The same, copied.
  fileprivate init(_ crops: lm_crops, _ configuration: ModelConfiguration) throws {
    let views = try Views(given(crops.views, "views").pointee)
    func images(_ start: UnsafePointer<Float>, _ batch: Int, _ name: String) throws -> Tensor {
      let shape = [batch, configuration.cropHeight, configuration.cropWidth, configuration.channels]
      let count = try elementCount(shape.map { Int64($0) }, name)
      return try Tensor(shape: shape, values: UnsafeBufferPointer(start: start, count: count))
    }
    self.init(try images(given(crops.images, "images"), views.batch, "images"), views: views)
    targetImages = try crops.target_images.map { try images($0, views.batch, "target_images") }
    second = try crops.second_images.map { start in
      let others = try Views(given(crops.second_views, "second_views").pointee)
      return (try images(start, others.batch, "second_images"), others)
    }
  }
}

extension Views {
  /// The same, copied.
  fileprivate init(_ views: lm_views) throws {
    guard views.batch > 0 else { throw ArgumentError("views: batch is \(views.batch), wanted at least 1") }
    func values(_ start: UnsafeMutablePointer<Int32>?, _ perImage: [Int64], _ name: String) throws -> [Int32] {
      let count = try elementCount([views.batch] + perImage, name)
      return Array(UnsafeBufferPointer(start: try given(start, name), count: count))
    }
    self.init(
      batch: Int(views.batch), visible: try values(views.visible, [views.num_visible], "views.visible"),
      target: try values(views.target, [views.num_target], "views.target"),
      offsets: try values(views.offsets, [views.num_patches, 2], "views.offsets"),
      targetBlocks: Int(views.target_blocks))
  }
}

extension lm_batch_metrics {
  init(_ metrics: BatchMetrics) {
    self.init(
      loss: metrics.loss, similarity_predictions: metrics.similarityPredictions,
      similarity_visible: metrics.similarityVisible, similarity_targets: metrics.similarityTargets,
      similarity_images: metrics.similarityImages, effective_rank: metrics.effectiveRank)
  }
}

@c @implementation
public func lm_model_diagnose(
  _ model: OpaquePointer?, _ metrics: UnsafePointer<lm_batch_metrics>?, _ position: UnsafeMutablePointer<Double>?,
  _ meaning: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> lm_status {
  attempt {
    let diagnosis = try object(model, ModelBox.self).model.configuration.diagnosis(
      of: BatchMetrics(given(metrics, "metrics").pointee))
    position?.pointee = diagnosis.position
    handOut(diagnosis.meaning, meaning)
  }
}

extension BatchMetrics {
  fileprivate init(_ metrics: lm_batch_metrics) {
    self.init()
    loss = metrics.loss
    (similarityPredictions, similarityVisible) = (metrics.similarity_predictions, metrics.similarity_visible)
    (similarityTargets, similarityImages) = (metrics.similarity_targets, metrics.similarity_images)
    effectiveRank = metrics.effective_rank
  }
}

@c @implementation
public func lm_model_clear_gradients(_ model: OpaquePointer?) {
  (try? object(model, ModelBox.self))?.model.clearGradients()
}

@c @implementation
public func lm_model_update_target(_ model: OpaquePointer?, _ momentum: Double) -> lm_status {
  attempt {
    guard (0...1).contains(momentum) else { throw ArgumentError("momentum is \(momentum), wanted 0 … 1") }
    try object(model, ModelBox.self).model.updateTarget(momentum: momentum)
  }
}

@c @implementation
public func lm_model_free(_ model: OpaquePointer?) { release(model, ModelBox.self) }
