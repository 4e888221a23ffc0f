import CLatentMIM
import Compute
import Glibc
import LatentMIM
import Networks

@c @implementation
public func lm_adamw_create(
  _ model: OpaquePointer?, _ beta1: Double, _ beta2: Double, _ epsilon: Double, _ weightDecay: Double,
  _ optimizer: UnsafeMutablePointer<OpaquePointer?>?
) -> lm_status {
  attempt {
    for (name, value) in [("beta1", beta1), ("beta2", beta2)] where !(0..<1).contains(value) {
      throw ArgumentError("\(name) is \(value), wanted 0 ≤ \(name) < 1")
    }
    guard epsilon > 0, weightDecay >= 0, Float(epsilon).isFinite, Float(weightDecay).isFinite else {
      throw ArgumentError(
        "epsilon is \(epsilon), weight decay \(weightDecay): wanted above 0, not negative, and finite")
    }
    let made = try AdamW(
      object(model, ModelBox.self).model.onlineParameters, beta1: Float(beta1), beta2: Float(beta2),
      epsilon: Float(epsilon), weightDecay: Float(weightDecay))
    try handOut(made, optimizer)
  }
}

@c @implementation
public func lm_adamw_step(_ optimizer: OpaquePointer?, _ learningRate: Double) -> lm_status {
  attempt {
    guard Float(learningRate).isFinite else {
      throw ArgumentError("learning rate is \(learningRate), wanted a finite 32-bit number")
    }
    let optimizer = try object(optimizer, AdamW.self)
    optimizer.update(learningRate: Float(learningRate))
    optimizer.clearGradients()
  }
}

@c @implementation
public func lm_adamw_free(_ optimizer: OpaquePointer?) { release(optimizer, AdamW.self) }

@c @implementation
public func lm_trainer_create(
  _ model: OpaquePointer?, _ dataset: OpaquePointer?, _ trainingOptions: UnsafePointer<CChar>?,
  _ trainer: UnsafeMutablePointer<OpaquePointer?>?
) -> lm_status {
  attempt {
    let made = try Trainer(
      object(model, ModelBox.self).model, dataset: object(dataset, DatasetBox.self).dataset,
      configuration: trainingConfiguration(trainingOptions))
    try handOut(made, trainer)
  }
}

@c @implementation
public func lm_trainer_progress(_ trainer: OpaquePointer?, _ state: UnsafeMutablePointer<lm_trainer_state>?) {
  guard let trainer = try? object(trainer, Trainer.self) else { return }
  state?.pointee = lm_trainer_state(
    step: Int64(trainer.step), total_steps: Int64(trainer.totalSteps), steps_per_epoch: Int64(trainer.stepsPerEpoch),
    peak_learning_rate: trainer.configuration.peakLearningRate, looks_collapsed: trainer.looksCollapsed)
}

@c @implementation
public func lm_trainer_configuration(
  _ trainer: OpaquePointer?, _ options: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> lm_status {
  attempt { handOut(try object(trainer, Trainer.self).configuration.json.text(), options) }
}

@c @implementation
public func lm_trainer_data(
  _ trainer: OpaquePointer?, _ fingerprint: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> lm_status {
  attempt { handOut(try object(trainer, Trainer.self).dataFingerprint.json.text(), fingerprint) }
}

@c @implementation
public func lm_trainer_precision(
  _ trainer: OpaquePointer?, _ precision: UnsafeMutablePointer<UnsafePointer<CChar>?>?
) -> lm_status {
  attempt {
    let arithmetic = try object(trainer, Trainer.self).configuration.precision.arithmetic()
    precision?.pointee = precisionNames[Precision.named(arithmetic)] ?? nil
  }
}

@c @implementation
public func lm_trainer_memory_estimate(
  _ trainer: OpaquePointer?, _ estimate: UnsafeMutablePointer<lm_memory_estimate>?
) -> lm_status {
  attempt {
    let found = try object(trainer, Trainer.self).memoryEstimate()
    estimate?.pointee = lm_memory_estimate(
      weights: Int64(found.weights), moments: Int64(found.moments), step: Int64(found.step),
      loader: Int64(found.loader), total: Int64(found.total))
  }
}

private nonisolated(unsafe) let precisionNames: [Precision: UnsafePointer<CChar>?] = Dictionary(
  uniqueKeysWithValues: Precision.allCases.map { ($0, UnsafePointer(strdup($0.rawValue))) })

@c @implementation
public func lm_trainer_step(
  _ trainer: OpaquePointer?, _ metrics: UnsafeMutablePointer<lm_step_metrics>?, _ done: UnsafeMutablePointer<Bool>?
) -> lm_status {
  attempt {
    let step = try object(trainer, Trainer.self).next()
    done?.pointee = step == nil
    if let step { metrics?.pointee = lm_step_metrics(step) }
  }
}

extension lm_step_metrics {
  init(_ step: StepMetrics) {
    self.init(
      batch: lm_batch_metrics(step.batch), step: Int64(step.step), epoch: Int64(step.epoch),
      learning_rate: step.values.learningRate, target_momentum: step.values.targetMomentum, gamma: step.values.gamma,
      gradient_norm: step.gradientNorm, images_per_second: step.imagesPerSecond)
  }
}

@c @implementation
public func lm_trainer_save(_ trainer: OpaquePointer?, _ path: UnsafePointer<CChar>?) -> lm_status {
  attempt { try object(trainer, Trainer.self).save(to: text(path, "path")) }
}

@c @implementation
public func lm_trainer_restore(_ trainer: OpaquePointer?, _ path: UnsafePointer<CChar>?) -> lm_status {
  attempt { try object(trainer, Trainer.self).restore(from: text(path, "path")) }
}

@c @implementation
public func lm_trainer_free(_ trainer: OpaquePointer?) { release(trainer, Trainer.self) }
