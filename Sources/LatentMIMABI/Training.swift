import CLatentMIM
import Compute
import LatentMIM
import Networks

/// The trainer behind a handle.
func trainer(_ handle: Handle) throws -> Trainer { try object(handle, Trainer.self) }

@c @implementation public func lm_adamw_create(
  _ handle: Handle, _ beta1: Double, _ beta2: Double, _ epsilon: Double, _ weightDecay: Double,
  _ optimizer: HandlePlace
) -> lm_status {
  attempt(handingOut: optimizer) {
    try AdamW(
      model(handle).onlineParameters, beta1: Float(beta1), beta2: Float(beta2), epsilon: Float(epsilon),
      weightDecay: Float(weightDecay))
  }
}

@c @implementation public func lm_adamw_step(_ optimizer: Handle, _ learningRate: Double) -> lm_status {
  attempt { try object(optimizer, AdamW.self).takeStep(learningRate: Float(learningRate)) }
}

@c @implementation public func lm_trainer_create(
  _ handle: Handle, _ images: Handle, _ trainingOptions: Text, _ trainer: HandlePlace
) -> lm_status {
  attempt(handingOut: trainer) {
    try Trainer(model(handle), dataset: dataset(images), configuration: trainingConfiguration(trainingOptions))
  }
}

@c @implementation public func lm_trainer_progress(
  _ handle: Handle, _ state: UnsafeMutablePointer<lm_trainer_state>?
) -> lm_status {
  attempt {
    let trainer = try trainer(handle)
    try given(state, "state").pointee = lm_trainer_state(
      step: Int64(trainer.step), total_steps: Int64(trainer.totalSteps), steps_per_epoch: Int64(trainer.stepsPerEpoch),
      peak_learning_rate: trainer.configuration.peakLearningRate, looks_collapsed: trainer.looksCollapsed,
      progress: trainer.progress, seconds: trainer.span.seconds)
  }
}

@c @implementation public func lm_trainer_reschedule(
  _ handle: Handle, _ progress: Double, _ totalSteps: Int64, _ seconds: Double
) -> lm_status {
  attempt {
    try trainer(handle).reschedule(progress: progress, totalSteps: Int(totalSteps), seconds: seconds)
  }
}

@c @implementation public func lm_trainer_data(_ handle: Handle, _ fingerprint: TextPlace) -> lm_status {
  attempt(handingOut: fingerprint) { try trainer(handle).dataFingerprint.json.text() }
}

@c @implementation public func lm_trainer_precision(_ handle: Handle, _ precision: TextPlace) -> lm_status {
  attempt(handingOut: precision) { try trainer(handle).configuration.precision.rawValue }
}

@c @implementation public func lm_trainer_memory_estimate(
  _ handle: Handle, _ estimate: UnsafeMutablePointer<lm_memory_estimate>?
) -> lm_status {
  attempt {
    let found = try trainer(handle).memoryEstimate()
    estimate?.pointee = lm_memory_estimate(
      weights: Int64(found.weights), moments: Int64(found.moments), step: Int64(found.step),
      loader: Int64(found.loader), total: Int64(found.total))
  }
}

@c @implementation public func lm_trainer_step(
  _ handle: Handle, _ metrics: MetricsPlace, _ done: UnsafeMutablePointer<Bool>?
) -> lm_status {
  attempt {
    let step = try trainer(handle).next()
    done?.pointee = step == nil
    if let step { metrics?.pointee = lm_metrics(step.named) }
  }
}

@c @implementation public func lm_trainer_save(_ handle: Handle, _ path: Text) -> lm_status {
  attempt { try trainer(handle).save(to: filePath(path, "path")) }
}

@c @implementation public func lm_trainer_restore(_ handle: Handle, _ path: Text, _ remarks: TextPlace) -> lm_status {
  attempt { handOut(try trainer(handle).restore(from: filePath(path, "path")), remarks) }
}
