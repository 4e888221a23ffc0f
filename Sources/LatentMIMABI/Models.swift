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

/// The model behind a handle.
func model(_ handle: Handle) throws -> LatentMIMModel { try object(handle, ModelBox.self).model }

@c @implementation public func lm_model_create(_ options: Text, _ seed: UInt64, _ model: HandlePlace) -> lm_status {
  attempt(handingOut: model) { try ModelBox(LatentMIMModel(modelConfiguration(options), seed: seed)) }
}

@c @implementation public func lm_model_begin(
  _ optionsText: Text, _ start: Handle, _ teacher: Handle, _ seed: UInt64, _ model: HandlePlace
) -> lm_status {
  attempt(handingOut: model) {
    let (start, teacher) = (try start.map { try encoder($0) }, try teacher.map { try encoder($0) })
    let configuration = try ModelConfiguration(
      json: options(optionsText, "model options"), start: start, teacher: teacher)
    return ModelBox(try LatentMIMModel(configuration, seed: seed, start: start, teacher: teacher))
  }
}

@c @implementation public func lm_model_set_teacher(_ handle: Handle, _ teacher: Handle) -> lm_status {
  attempt { try model(handle).setTeacher(encoder(teacher)) }
}

@c @implementation public func lm_model_load(
  _ path: Text, _ optionsText: Text, _ model: HandlePlace, _ remarks: TextPlace
) -> lm_status {
  attempt(handingOut: model, remarks) {
    let loaded = try LatentMIMModel.load(from: filePath(path, "path"), options: options(optionsText, "options"))
    return (ModelBox(loaded.model), loaded.remarks)
  }
}

@c @implementation public func lm_model_from_arrays(
  _ arrays: ArrayList, _ count: Int64, _ title: Text, _ optionsText: Text, _ model: HandlePlace, _ remarks: TextPlace
) -> lm_status {
  attempt(handingOut: model, remarks) {
    let loaded = try LatentMIMModel.load(
      NamedArrays(arrays, count), title: text(title, "title"), options: options(optionsText, "model options"))
    return (ModelBox(loaded.model), loaded.remarks)
  }
}

@c @implementation public func lm_model_set_parameters(
  _ handle: Handle, _ arrays: ArrayList, _ count: Int64, _ title: Text, _ remarks: TextPlace
) -> lm_status {
  attempt {
    let found = try model(handle).load(NamedArrays(arrays, count), title: text(title, "title"))
    handOut(joined(found), remarks)
  }
}

@c @implementation public func lm_model_save(_ handle: Handle, _ path: Text) -> lm_status {
  attempt { try model(handle).save(to: filePath(path, "path")) }
}

@c @implementation public func lm_model_configuration(_ handle: Handle, _ options: TextPlace) -> lm_status {
  attempt(handingOut: options) { try model(handle).configuration.json.text() }
}

@c @implementation public func lm_model_loss_bounds(_ handle: Handle, _ chance: NumberPlace, _ floor: NumberPlace) {
  let bounds = (try? model(handle))?.configuration.lossBounds
  chance?.pointee = bounds?.chance ?? .nan
  floor?.pointee = bounds?.floor ?? .nan
}

@c @implementation public func lm_model_parameter_count(_ handle: Handle) -> Int64 {
  Int64((try? object(handle, ModelBox.self))?.parameters.count ?? 0)
}

@c @implementation public func lm_model_parameter(
  _ handle: Handle, _ index: Int64, _ parameter: UnsafeMutablePointer<lm_parameter>?
) -> lm_status {
  attempt {
    let box = try object(handle, ModelBox.self)
    let shape = try box.parameter(at: index).parameter.shape.map { Int64($0) }
    let padded = shape + Array(repeating: 1, count: 4 - shape.count)
    try given(parameter, "parameter").pointee = lm_parameter(
      name: UnsafePointer(box.names[Int(index)]), shape: (padded[0], padded[1], padded[2], padded[3]),
      dimensions: Int32(shape.count), trained: index < box.trainedCount)
  }
}

@c @implementation public func lm_model_read_parameter(_ handle: Handle, _ index: Int64, _ values: FloatPlace)
  -> lm_status
{
  attempt {
    let tensor = try object(handle, ModelBox.self).parameter(at: index).parameter.tensor
    try write(tensor.buffer.values, values, "values")
  }
}

@c @implementation public func lm_model_read_gradient(_ handle: Handle, _ index: Int64, _ values: FloatPlace)
  -> lm_status
{
  attempt {
    let tensor = try object(handle, ModelBox.self).parameter(at: index).parameter.tensor
    guard let gradient = tensor.gradient?.value else {
      return try given(values, "values").update(repeating: 0, count: tensor.count)
    }
    try write(gradient.values, values, "values")
  }
}

@c @implementation public func lm_metric_value(_ metrics: Metrics, _ name: Text) -> Double {
  guard let metrics, let name else { return .nan }
  return metrics.pointee.value(String(cString: name)) ?? .nan
}

extension lm_metrics {
  /// The same, by name; what there is no room for is left out.
  init(_ metrics: [Metric]) {
    self.init()
    let entries = metrics.prefix(Int(LM_MOST_METRICS)).map {
      lm_metric(
        name: UnsafeRawPointer($0.name.utf8Start).assumingMemoryBound(to: CChar.self), value: $0.value,
        is_count: $0.isCount)
    }
    count = Int64(entries.count)
    withUnsafeMutableBytes(of: &list) { bytes in
      _ = bytes.bindMemory(to: lm_metric.self).update(fromContentsOf: entries)
    }
  }

  func value(_ name: String) -> Double? {
    withUnsafeBytes(of: list) { bytes in
      bytes.bindMemory(to: lm_metric.self).prefix(Int(max(count, 0))).first {
        $0.name.map { String(cString: $0) } == name
      }?.value
    }
  }
}

@c @implementation public func lm_model_loss(
  _ handle: Handle, _ crops: UnsafePointer<lm_crops>?, _ gamma: Double, _ seed: UInt64, _ precisionName: Text,
  _ targetPrecisionName: Text, _ metrics: MetricsPlace
) -> lm_status {
  attempt {
    let model = try model(handle)
    let crops = try TrainingCrops(given(crops, "crops").pointee, model.configuration)
    let targets: Precision? = try targetPrecisionName == nil ? nil : choice(targetPrecisionName, "target_precision")
    try model.configuration.check(targetPrecision: targets)
    let dropoutPlan = model.configuration.dropoutPlan(seed: seed)
    let found = try precision(precisionName).compute(targets: targets, dropoutPlan: dropoutPlan) {
      try model.loss(crops, gamma: gamma)
    }
    metrics?.pointee = lm_metrics(found.named)
  }
}

extension TrainingCrops {
  /// The same, copied.
  fileprivate init(_ crops: lm_crops, _ configuration: ModelConfiguration) throws {
    func images(_ start: Floats, _ batch: Int, _ name: String) throws -> Tensor {
      let shape = [batch, configuration.cropHeight, configuration.cropWidth, configuration.channels]
      return try Tensor(shape: shape, values: array(start, shape.map { Int64($0) }, name))
    }
    let views = try Views(given(crops.views, "views").pointee)
    self.init(try images(crops.images, views.batch, "images"), views: views)
    targetImages = try crops.target_images.map { try images($0, views.batch, "target_images") }
    second = try crops.second_images.map { start in
      let others = try Views(given(crops.second_views, "second_views").pointee)
      return (try images(start, others.batch, "second_images"), others)
    }
  }
}

@c @implementation public func lm_model_diagnose(
  _ handle: Handle, _ metrics: Metrics, _ position: NumberPlace, _ meaning: TextPlace
) -> lm_status {
  attempt {
    let metrics = try given(metrics, "metrics").pointee
    let reading = try model(handle).configuration.diagnosis(of: BatchMetrics { metrics.value($0) })
    position?.pointee = reading.position
    handOut(reading.meaning, meaning)
  }
}

@c @implementation public func lm_model_clear_gradients(_ handle: Handle) -> lm_status {
  attempt { try model(handle).clearGradients() }
}

@c @implementation public func lm_model_update_target(_ handle: Handle, _ momentum: Double) -> lm_status {
  attempt { try model(handle).updateTarget(momentum: momentum) }
}
