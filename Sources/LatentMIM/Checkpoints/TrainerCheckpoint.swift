import Compute
import Files
import Glibc
import Images
import Networks

extension Trainer {
  /// Writes everything needed to go on exactly: weights, target, moments, step and both configurations (random numbers
  /// follow from the seed and the step). Beside the path, synced, renamed: a crash leaves the old file or the new one.
  ///
  /// - Throws: `FileError`, `SafetensorsError`.
  public func save(to path: some FilePathConvertible) throws {
    var metadata = try model.configuration.fileMetadata(format: FileFormat.checkpoint)
    metadata[FileKey.training] = try configuration.json.text()
    metadata[FileKey.state] = try state.json.text()
    var writer = SafetensorsWriter(metadata: metadata)
    try model.addWeights(to: &writer)
    for place in optimizer.places {
      try writer.add(place.name, shape: place.shape, values: place.buffer.values)
    }
    try writer.write(to: path)
  }

  /// Goes back to a saved state. The run then keeps the precision it was saved with. Where it has more epochs than were
  /// saved, it goes on as a run of so many: its schedules are those of the whole, from where it stands.
  ///
  /// - Returns: what changes where there are more epochs.
  /// - Throws: `CheckpointError` where the file was written with other configurations (`workers`, `recompute`, a
  ///   `precision` of "auto" and what stops a collapsed run aside) or on other images, `FileError`, `SafetensorsError`,
  ///   `WeightsError`. The trainer is unchanged then.
  @discardableResult
  public func restore(from location: some FilePathConvertible) throws -> String? {
    let file = try SafetensorsFile(path: location)
    let path = location.filePath.text
    let (saved, training, precision) = try savedState(of: file, path: path)
    let places = model.parameters.map(\.place) + optimizer.places
    let reader = WeightReader(file, title: path)
    try reader.fill(places, allowing: isPositionTable)
    (step, optimizer.step, averagedSteps) = (saved.step, saved.step, saved.averagedSteps)
    let isLonger = training.epochs < configuration.epochs
    span = isLonger ? allEpochs : saved.span ?? allEpochs
    configuration.precision = precision
    model.clearGradients()
    rewindLoader()
    hasCheckedRanks = false
    return isLonger ? remarkOnExtension(of: training, saved.span) : nil
  }

  /// How the schedules of a run go on that has become longer.
  private func remarkOnExtension(of saved: TrainingConfiguration, _ savedSpan: ScheduleSpan?) -> String {
    let before = savedSpan ?? ScheduleSpan(totalSteps: stepsPerEpoch * saved.epochs)
    func rate(_ schedule: Schedule, _ span: ScheduleSpan) -> String {
      rounded(schedule.values(at: span.progress(at: step)).learningRate)
    }
    return
      "the run is extended from \(saved.epochs) to \(configuration.epochs) epochs: from step \(step) on, schedules are "
      + "those of a run of \(configuration.epochs), and the learning rate goes on at "
      + "\(rate(schedule, span)), from \(rate(Schedule(saved), before))"
  }

  private var state: TrainerState {
    TrainerState(
      step: step, averagedSteps: averagedSteps, data: dataFingerprint, span: span == allEpochs ? nil : span)
  }

  /// The state a checkpoint was written in, how the run was to be trained then, and the precision it was trained at,
  /// once it is known to be one of this run, or of one with fewer epochs.
  private func savedState(
    of file: SafetensorsFile, path: String
  ) throws -> (TrainerState, TrainingConfiguration, Precision) {
    guard let training = file.metadata[FileKey.training], let stateText = file.metadata[FileKey.state],
      let savedModel = try file.modelConfiguration(path: path)
    else { throw CheckpointError(path: path, problem: "holds weights, but no state of a training run to resume") }
    func place(_ text: String, _ key: String) throws -> JSONCursor {
      let source = "\(path), metadata '\(key)'"
      return JSONCursor(try JSONValue(parsing: text, source: source), source: source)
    }
    let asSaved = try TrainingConfiguration(json: place(training, FileKey.training))
    var savedTraining = asSaved
    if asSaved.epochs < configuration.epochs { savedTraining.extend(to: configuration) }
    let precision = try precision(of: savedTraining, path: path)
    savedTraining.takeWhatChangesNothing(from: configuration)
    if choosesPrecision { savedTraining.precision = configuration.precision }
    let saved = try TrainerState(json: place(stateText, FileKey.state))
    let differences =
      savedModel.differences(from: model.configuration) + savedTraining.differences(from: configuration)
    var problems = try differences.map { "\($0.name) is \(try $0.here.text()) there, \(try $0.there.text()) here" }
    if let difference = dataFingerprint.difference(from: saved.data) { problems.append(difference) }
    guard problems.isEmpty else {
      throw CheckpointError(path: path, problem: "belongs to another run: " + problems.joined(separator: "; "))
    }
    let savedSteps = asSaved.epochs < configuration.epochs ? nil : saved.span?.totalSteps
    let totalSteps = savedSteps ?? allEpochs.totalSteps
    guard (0...totalSteps).contains(saved.step), (saved.span?.begin ?? 0) <= saved.step,
      (saved.step...saved.step + 1).contains(saved.averagedSteps)
    else {
      throw CheckpointError(path: path, problem: "is at step \(saved.step), the run has \(totalSteps)")
    }
    return (saved, asSaved, precision)
  }

  /// What a saved run goes on computing with, whatever this machine would have chosen.
  private func precision(of saved: TrainingConfiguration, path: String) throws -> Precision {
    func arithmetic(_ precision: Precision, _ option: String) throws -> Arithmetic {
      guard let found = try? precision.arithmetic() else {
        throw CheckpointError(
          path: path,
          problem:
            "belongs to a run with \(option) '\(precision.rawValue)', which needs a processor with \(precision.needs); "
            + "the instruction set in use is '\(InstructionSet.current.rawValue)'")
      }
      return found
    }
    _ = try saved.targetPrecision.map { try arithmetic($0, "target_precision") }
    return .named(try arithmetic(saved.precision, "precision"))
  }
}

/// A number with three digits.
private func rounded(_ number: Double) -> String {
  guard number > 0 else { return "\(number)" }
  let unit = pow(10, log10(number).rounded(.down) - 2)
  return "\(Float((number / unit).rounded() * unit))"
}

/// Where a run is, beside its weights and moments. Random numbers follow from the seed and the step.
private struct TrainerState {
  let step: Int
  /// Steps whose average the target has taken: one more than `step` where a step was begun and not finished.
  let averagedSteps: Int
  /// Of the data set: epochs, orders and views depend on the number of images, all that was learnt on what they are.
  let data: DataFingerprint
  /// nil where schedules span all epochs.
  let span: ScheduleSpan?

  init(step: Int, averagedSteps: Int, data: DataFingerprint, span: ScheduleSpan?) {
    (self.step, self.averagedSteps, self.data, self.span) = (step, averagedSteps, data, span)
  }

  init(json: JSONCursor) throws {
    try json.refuseKeys(otherThan: ["step", "averaged_steps", "data", "span"])
    self.init(
      step: try json.member("step").int(), averagedSteps: try json.member("averaged_steps").int(),
      data: try DataFingerprint(json: json.member("data")),
      span: try json.optionalMember("span").map { try ScheduleSpan(json: $0) })
  }

  var json: JSONValue {
    var members: [String: JSONValue] = [
      "step": .integer(step), "averaged_steps": .integer(averagedSteps), "data": data.json,
    ]
    members["span"] = span?.json
    return .object(members)
  }
}

extension DataFingerprint {
  init(json: JSONCursor) throws {
    try json.refuseKeys(otherThan: ["images", "names", "content"])
    self.init(
      images: try json.member("images").int(), names: try json.member("names").string(),
      content: try json.member("content").string())
  }

  /// As checkpoints hold it.
  public var json: JSONValue { ["images": .integer(images), "names": .string(names), "content": .string(content)] }
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
