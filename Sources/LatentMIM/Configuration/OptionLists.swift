import Files

/// The options that this room reads, by the name of their list, for other languages: see `Configurable.listing`.
public let configurationLists: [String: JSONValue] = [
  ModelConfiguration.name: ModelConfiguration.listing,
  TrainingConfiguration.name: TrainingConfiguration.listing,
  "pretrained": PretrainedOptions.listing,
]
