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
  /// Writes everything needed to go on exactly: weights, target, moments, step and both configurations (random numbers follow from the
  /// seed and the step). Beside the path, synced, renamed: a crash leaves the old file or the new one.
  ///
  /// - Throws: `FileError`, `SafetensorsError`.
  public func save(to path: String) throws {
    var metadata = try model.configuration.fileMetadata(format: "latentmim checkpoint")
    metadata[FileKey.training] = try configuration.json.text()
    metadata[FileKey.step] = String(step)
    var writer = SafetensorsWriter(metadata: metadata)
    try model.addWeights(to: &writer)
    for place in optimizer.places {
      try writer.add(place.name, shape: place.shape, values: place.buffer.values)
    }
    try writer.write(to: path)
  }

  /// Goes back to a saved state.
  ///
  /// - Throws: `CheckpointError` where the file was written with other configurations (`workers` aside), `FileError`, `SafetensorsError`,
  ///   `WeightsError`. The trainer is unchanged then.
  public func restore(from path: String) throws {
    let file = try SafetensorsFile(path: path)
    let saved = try savedState(of: file, path: path)
    let reader = WeightReader(file, title: path)
    try reader.fill(model.parameters.map(\.place) + optimizer.places, allowing: isPositionTable)
    step = saved
    optimizer.step = saved
    averagedSteps = saved
    model.clearGradients()
    rewindLoader()
  }

  /// The step a checkpoint was written at, once its configurations are known to be this trainer's.
  private func savedState(of file: SafetensorsFile, path: String) throws -> Int {
    guard let training = file.metadata[FileKey.training], let step = file.metadata[FileKey.step].flatMap({ Int($0) }),
      let savedModel = try file.modelConfiguration(path: path)
    else { throw CheckpointError(path: path, problem: "holds weights, but no state of a training run to resume") }
    let source = "\(path), metadata '\(FileKey.training)'"
    var savedTraining = try TrainingConfiguration(
      json: JSONPlace(JSONValue(parsing: training, source: source), source: source))
    savedTraining.workers = configuration.workers
    let differences =
      savedModel.differences(from: model.configuration) + savedTraining.differences(from: configuration)
    guard differences.isEmpty else {
      let list = try differences.map { "\($0.name) is \(try $0.here.text()) there, \(try $0.there.text()) here" }
      throw CheckpointError(path: path, problem: "belongs to another run: " + list.joined(separator: "; "))
    }
    guard (0...totalSteps).contains(step) else {
      throw CheckpointError(path: path, problem: "is at step \(step), the run has \(totalSteps)")
    }
    return step
  }
}

extension AdamW {
  /// The moments as tensors of a checkpoint.
  var places: [(name: String, shape: [Int], buffer: Buffer)] {
    slots.flatMap { slot in
      [
        ("optimizer.mean.\(slot.name)", slot.parameter.shape, slot.mean),
        ("optimizer.square.\(slot.name)", slot.parameter.shape, slot.square),
      ]
    }
  }
}
