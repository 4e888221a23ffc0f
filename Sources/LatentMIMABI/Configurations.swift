import CLatentMIM
import Compute
import Evaluation
import Files
import LatentMIM

func modelConfiguration(_ json: Text) throws -> ModelConfiguration {
  try ModelConfiguration(json: options(json, "model options"))
}

func trainingConfiguration(_ json: Text) throws -> TrainingConfiguration {
  try TrainingConfiguration(json: options(json, "training options"))
}

@c @implementation public func lm_model_options(_ options: Text, _ resolved: TextPlace) -> lm_status {
  attempt(handingOut: resolved) { try modelConfiguration(options).json.text() }
}

@c @implementation public func lm_training_options(_ options: Text, _ resolved: TextPlace) -> lm_status {
  attempt(handingOut: resolved) { try trainingConfiguration(options).json.text() }
}

@c @implementation public func lm_model_options_difference(_ options: Text, _ preset: Text, _ difference: TextPlace)
  -> lm_status
{
  attempt(handingOut: difference) {
    let list = try modelConfiguration(options).differences(from: choice(preset, "preset"))
    let pairs = list.map { ($0.name, JSONValue.array([$0.here, $0.there])) }
    return try JSONValue.object(Dictionary(uniqueKeysWithValues: pairs)).text()
  }
}

@c @implementation public func lm_options(_ name: Text, _ list: TextPlace) -> lm_status {
  attempt(handingOut: list) { try optionList(named: text(name, "name")).text() }
}

@c @implementation public func lm_model_sizes(_ options: Text, _ sizes: UnsafeMutablePointer<lm_sizes>?) -> lm_status {
  attempt { try given(sizes, "sizes").pointee = lm_sizes(modelConfiguration(options)) }
}

extension lm_sizes {
  fileprivate init(_ configuration: ModelConfiguration) {
    let counts = configuration.patchCounts
    self.init(
      rows: Int64(configuration.trainingRows), columns: Int64(configuration.trainingColumns),
      num_patches: Int64(configuration.numPatches), num_visible: Int64(counts?.visible ?? 0),
      num_target: Int64(counts?.target ?? 0), cell: Int64(configuration.cellSide),
      crop_height: Int64(configuration.cropHeight), crop_width: Int64(configuration.cropWidth),
      image_height: Int64(configuration.imageHeight), image_width: Int64(configuration.imageWidth),
      patch_size: Int64(configuration.patchSize), channels: Int64(configuration.channels),
      width: Int64(configuration.width), depth: Int64(configuration.depth),
      heads: Int64(configuration.heads))
  }
}
