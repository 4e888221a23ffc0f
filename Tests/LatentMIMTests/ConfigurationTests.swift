import Files
import LatentMIM
import Testing

@Suite struct ConfigurationTests {
  private func model(_ text: String) throws -> ModelConfiguration {
    try ModelConfiguration(json: JSONCursor(JSONValue(parsing: text, source: "test"), source: "test"))
  }

  private func training(_ text: String) throws -> TrainingConfiguration {
    try TrainingConfiguration(json: JSONCursor(JSONValue(parsing: text, source: "test"), source: "test"))
  }

  @Test func defaultsAreThePublishedOnes() throws {
    let published = try model("{}")
    #expect(published == ModelConfiguration(preset: .official))
    #expect(published.numVisible == 20 && published.numTarget == 176)
    #expect(published.cropHeight == 280 && published.imageHeight == 224)
    #expect(abs(published.lossBounds.chance - 2.068) < 5e-4 && abs(published.lossBounds.floor - 0.305) < 5e-4)
  }

  @Test func namedSizesSetTheEncoder() throws {
    let small = try model(#"{"size": "vit_small", "patch_gap": 2}"#)
    #expect((small.width, small.depth, small.heads, small.patchGap) == (384, 12, 6, 2))
    let huge = try model(#"{"size": "vit_huge"}"#)
    #expect((huge.width, huge.depth, huge.heads, huge.patchSize, huge.imageWidth) == (1280, 32, 16, 14, 224))
  }

  @Test func maskRatioRoundsToVisiblePatches() throws {
    #expect(try model(#"{"mask_ratio": 0.75}"#).numVisible == 49)
    #expect(try model(#"{"grid": [4, 5], "width": 32, "heads": 4}"#).numVisible == 2)
    #expect(try model(#"{"grid": 3, "mask_ratio": 0.99}"#).numVisible == 1)
  }

  @Test(arguments: [
    (#"{"wdith": 3}"#, "'wdith'"), (#"{"temperature": 0}"#, "model: temperature is 0, wanted 0.001 … 100.0"),
    (#"{"width": 768, "heads": 7}"#, "width is 768, not divisible by heads = 7"),
    (#"{"num_visible": 195}"#, "num_visible is 195 of 196"), (#"{"num_visible": 0}"#, "num_visible is 0"),
    (#"{"positions": "learned"}"#, "'linspace', 'index'"), (#"{"depth": 2.5}"#, "depth is 2.5"),
    (#"{"preset": "mine"}"#, "'mine'"), (#"{"size": "vit_giant"}"#, "'vit_tiny'"),
    (#"{"grid": [3]}"#, "grid is [3]"), (#"{"grid": 7.5}"#, "grid is 7.5, wanted rows and columns"),
    (#"{"mask_ratio": 1}"#, "mask_ratio is 1.0"),
    (#"{"mask_ratio": 0.5, "num_visible": 3}"#, "both given"), (#"{"channels": 1, "mean": [1, 0.5]}"#, "mean has 2"),
    (#"{"width": 30, "heads": 5}"#, "multiple of 4"),
  ])
  func badModelOptionsAreNamed(_ text: String, _ part: String) {
    let error = #expect(throws: (any Error).self) { try model(text) }
    #expect(String(describing: error ?? CancellationError()).contains(part), "\(String(describing: error))")
  }

  @Test(arguments: [
    (#"{"batch_size": 10, "accumulation_steps": 3}"#, "batch_size is 10, not divisible"),
    (#"{"epochs": 5, "warmup_epochs": 5}"#, "warmup_epochs is 5.0 of 5"),
    (#"{"crop_area": [1, 0.2]}"#, "crop_area"), (#"{"seed": -1}"#, "seed is -1"), (#"{"lr": 1}"#, "'lr'"),
  ])
  func badTrainingOptionsAreNamed(_ text: String, _ part: String) {
    let error = #expect(throws: (any Error).self) { try training(text) }
    #expect(String(describing: error ?? CancellationError()).contains(part), "\(String(describing: error))")
  }

  @Test func everyOptionSurvivesWritingAndReading() throws {
    var configuration = smallConfiguration(.paper)
    configuration.temperature = 0.1
    #expect(try model(configuration.json.text()) == configuration)
    var run = smallTraining()
    run.cropArea = [0.3, 0.9]
    #expect(try training(run.json.text()) == run)
  }

  @Test func warmUpFollowsTheEpochs() throws {
    #expect(try training(#"{"epochs": 300}"#).warmupEpochs == 30)
    #expect(try training(#"{"epochs": 800}"#).warmupEpochs == 40)
  }

  @Test func differencesFromAPresetAreItsRows() {
    let names = ModelConfiguration(preset: .paper).differences(from: .official).map(\.name).sorted()
    let rows = [
      "cue_scale", "gap_offset", "loss_scale", "positions", "projector", "similarity_form", "similarity_tokens",
      "standardize_predictions",
    ]
    #expect(names == rows)
    #expect(TrainingConfiguration(preset: .paper).finalLearningRate == 0)
  }

  @Test func schedulesBeginAndEndWhereTheyShould() {
    var run = TrainingConfiguration()
    (run.epochs, run.warmupEpochs, run.batchSize) = (100, 10, 512)
    let schedule = Schedule(run)
    let peak = 3e-4
    let (start, middle, end) = (schedule.values(at: 0), schedule.values(at: 0.55), schedule.values(at: 1))
    #expect(abs(start.learningRate - peak / 4) < 1e-12 && abs(end.learningRate - peak / 4) < 1e-12)
    #expect(abs(schedule.values(at: 0.05).learningRate - peak * 0.625) < 1e-12)
    #expect(abs(schedule.values(at: 0.1).learningRate - peak) < 1e-12)
    #expect(abs(middle.learningRate - peak * 0.625) < 1e-12)
    #expect(abs(start.targetMomentum - 0.99) < 1e-12 && abs(end.targetMomentum - 1) < 1e-12)
    #expect(start.gamma == 0.75 && abs(end.gamma - 0.25) < 1e-12)
    #expect(abs(schedule.values(at: 0.5).gamma - 0.5) < 1e-12)
  }

  @Test func valuesSetInSwiftAreCheckedToo() throws {
    func refused(_ edit: (inout ModelConfiguration) -> Void) {
      var configuration = smallConfiguration()
      edit(&configuration)
      #expect(throws: ConfigurationError.self) { try LatentMIMModel(configuration) }
      #expect(throws: ConfigurationError.self) { try Views.sample(configuration, seed: 0, images: [0]) }
    }
    refused { $0.heads = 0 }
    refused { $0.projectorDepth = 0 }
    refused { $0.numVisible = -1 }
    refused { $0.temperature = .nan }
    var run = smallTraining()
    run.accumulationSteps = 0
    #expect(throws: ConfigurationError.self) { try run.validate() }
    run = smallTraining()
    run.seed = -1
    #expect(throws: ConfigurationError.self) { try run.validate() }
    run.seed = 0
    run.cropArea = [1, 0.2]
    #expect(throws: ConfigurationError.self) { try run.augmentation(for: smallConfiguration()) }
  }
}
