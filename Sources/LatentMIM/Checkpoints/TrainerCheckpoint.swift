import Files
import Compute
import Networks

/// A file whose configuration or state is not what it should be.
public struct CheckpointError: DescribedError, Equatable {
  public let kind = ErrorKind.value
  public let path: String
  public let problem: String
  public var description: String { "\(path): \(problem)" }
}

extension Trainer {
  /// Writes everything needed to go on exactly: weights, target, moments, step and both configurations (random numbers
  /// follow from the seed and the step). Beside the path, synced, renamed: a crash leaves the old file or the new one.
  ///
  /// - Throws: `FileError`, `SafetensorsError`.
  public func save(to path: String) throws {
    var metadata = try model.configuration.fileMetadata(format: "latentmim checkpoint")
    metadata[FileKey.training] = try configuration.json.text()
    metadata[FileKey.state] = try state.json.text()
    var writer = SafetensorsWriter(metadata: metadata)
    try model.addWeights(to: &writer)
    for place in optimizer.places {
      try writer.add(place.name, shape: place.shape, values: place.buffer.values)
    }
    try writer.write(to: path)
  }

  /// Goes back to a saved state.
  ///
  /// - Throws: `CheckpointError` where the file was written with other configurations (`workers`, `recompute` and what
  ///   stops a collapsed run aside), `FileError`, `SafetensorsError`, `WeightsError`. The trainer is unchanged then.
  public func restore(from path: String) throws {
    let file = try SafetensorsFile(path: path)
    let saved = try savedState(of: file, path: path)
    let places = model.parameters.map(\.place) + optimizer.places
    let reader = WeightReader(file, title: path)
    try reader.fill(places, allowing: isPositionTable)
    (step, optimizer.step, averagedSteps) = (saved.step, saved.step, saved.averagedSteps)
    model.clearGradients()
    rewindLoader()
  }

  private var state: TrainerState {
    TrainerState(step: step, averagedSteps: averagedSteps, images: dataset.count)
  }

  /// The state a checkpoint was written in, once it is known to be one of this run.
  private func savedState(of file: SafetensorsFile, path: String) throws -> TrainerState {
    guard let training = file.metadata[FileKey.training], let stateText = file.metadata[FileKey.state],
      let savedModel = try file.modelConfiguration(path: path)
    else { throw CheckpointError(path: path, problem: "holds weights, but no state of a training run to resume") }
    func place(_ text: String, _ key: String) throws -> JSONCursor {
      let source = "\(path), metadata '\(key)'"
      return JSONCursor(try JSONValue(parsing: text, source: source), source: source)
    }
    var savedTraining = try TrainingConfiguration(json: place(training, FileKey.training))
    savedTraining.takeWhatChangesNothing(from: configuration)
    let saved = try TrainerState(json: place(stateText, FileKey.state))
    let differences =
      savedModel.differences(from: model.configuration) + savedTraining.differences(from: configuration)
    var problems = try differences.map { "\($0.name) is \(try $0.here.text()) there, \(try $0.there.text()) here" }
    if saved.images != dataset.count {
      problems.append("the data set had \(saved.images) images there, it has \(dataset.count) here")
    }
    guard problems.isEmpty else {
      throw CheckpointError(path: path, problem: "belongs to another run: " + problems.joined(separator: "; "))
    }
    guard (0...totalSteps).contains(saved.step), (saved.step...saved.step + 1).contains(saved.averagedSteps) else {
      throw CheckpointError(path: path, problem: "is at step \(saved.step), the run has \(totalSteps)")
    }
    return saved
  }
}

/// Where a run is, beside its weights and moments. Random numbers follow from the seed and the step.
private struct TrainerState {
  let step: Int
  /// Steps whose average the target has taken: one more than `step` where a step was begun and not finished.
  let averagedSteps: Int
  /// Images of the data set: epochs, orders and views depend on it.
  let images: Int

  init(step: Int, averagedSteps: Int, images: Int) {
    (self.step, self.averagedSteps, self.images) = (step, averagedSteps, images)
  }

  init(json: JSONCursor) throws {
    try json.refuseKeys(otherThan: ["step", "averaged_steps", "images"])
    self.init(
      step: try json.member("step").int(), averagedSteps: try json.member("averaged_steps").int(),
      images: try json.member("images").int())
  }

  var json: JSONValue {
    ["step": .integer(step), "averaged_steps": .integer(averagedSteps), "images": .integer(images)]
  }
}

extension AdamW {
  /// The moments as tensors of a checkpoint.
  var places: [TensorSlot] {
    slots.flatMap { slot in
      [("mean", slot.mean), ("square", slot.square)].map { moment, buffer in
        TensorSlot(name: "optimizer.\(moment).\(slot.name)", shape: slot.parameter.shape, buffer: buffer)
      }
    }
  }
}
