import CKernels
import Compute
import Glibc
import Tensors

/// Adam with decoupled weight decay (Loshchilov & Hutter 2019): decay first, p −= lr·decay·p, bias-corrected moments.
///
/// Unless told otherwise decay falls on every parameter of two or more dimensions except those whose name contains
/// `bias`, `norm` or `embed`.
public final class AdamW: @unchecked Sendable {
  /// One parameter with its moments.
  public struct Slot: Sendable {
    public let name: String
    public let parameter: Parameter
    public let mean: Buffer
    public let square: Buffer
    let decays: Bool
    let rateFactor: Float
  }

  public let slots: [Slot]
  public let beta1: Float
  public let beta2: Float
  public let epsilon: Float
  public let weightDecay: Float
  /// Steps taken so far.
  public var step = 0

  /// - Parameters:
  ///   - parameters: the parameters to train.
  ///   - beta1, beta2: decay of the moments, in [0, 1).
  ///   - decays: which parameters decay.
  ///   - rateFactor: what the learning rate of each is multiplied by.
  /// - Throws: `ArgumentError` for a number outside its range, `OutOfMemory`.
  public init(
    _ parameters: [NamedParameter], beta1: Float = 0.9, beta2: Float = 0.95, epsilon: Float = 1e-8,
    weightDecay: Float = 0.05, decays: (NamedParameter) -> Bool = AdamW.decays,
    rateFactor: (NamedParameter) -> Float = { _ in 1 }
  ) throws {
    for (name, value) in [("beta1", beta1), ("beta2", beta2)] where !(0..<1).contains(value) {
      throw ArgumentError("\(name) is \(value), wanted 0 ≤ \(name) < 1")
    }
    guard epsilon > 0, weightDecay >= 0, epsilon.isFinite, weightDecay.isFinite else {
      throw ArgumentError(
        "epsilon is \(epsilon), weight decay \(weightDecay): wanted above 0, not negative, and finite")
    }
    slots = try parameters.map { named in
      let count = named.parameter.tensor.count
      return Slot(
        name: named.name, parameter: named.parameter, mean: try Buffer(count: count, repeating: 0),
        square: try Buffer(count: count, repeating: 0), decays: decays(named),
        rateFactor: rateFactor(named))
    }
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    self.weightDecay = weightDecay
  }

  /// Whether a parameter decays in pre-training.
  public static func decays(_ named: NamedParameter) -> Bool {
    named.parameter.shape.count >= 2 && !["bias", "norm", "embed"].contains { named.name.contains($0) }
  }

  /// Bytes that a step reads and writes: parameter, gradient and moments, the average aside.
  public var bytesPerStep: Double { slots.reduce(0.0) { $0 + 7 * Double($1.mean.bytes) } }

  /// The length of all gradients together, √Σg².
  public func gradientNorm() -> Double {
    slots.reduce(0.0) { sum, slot in
      sum + (slot.parameter.tensor.gradient?.value.map { sumOfSquares($0.pointer, count: $0.count) } ?? 0)
    }.squareRoot()
  }

  /// One step with the gradients collected; a parameter without one stays as it is. Gradients are kept.
  ///
  /// - Parameters:
  ///   - weightDecay: in place of the optimiser's own.
  ///   - average: a network that follows the one trained, and its momentum: moved in the same pass over memory.
  public func update(
    learningRate: Float, weightDecay: Float? = nil, average: (network: MovingAverage, momentum: Float)? = nil
  ) {
    let weightDecay = weightDecay ?? self.weightDecay
    step += 1
    let corrections = (1 - pow(Double(beta1), Double(step)), 1 - pow(Double(beta2), Double(step)))
    for slot in slots {
      let learningRate = learningRate * slot.rateFactor
      var factors = lmk_adamw_factors(
        beta1: beta1, beta2: beta2, epsilon: epsilon, decay: 1 - (slot.decays ? learningRate * weightDecay : 0),
        rate: Float(Double(learningRate) / corrections.0), square_correction: Float(1 / corrections.1))
      let follower = average?.network.follower(of: slot.parameter.tensor)
      guard let gradient = slot.parameter.tensor.gradient?.value else {
        average?.network.follow(slot.parameter.tensor, momentum: average?.momentum ?? 1)
        continue
      }
      slot.parameter.tensor.packing?.forget()
      follower?.packing?.forget()
      withUnsafePointer(to: &factors) { factors in
        nonisolated(unsafe) let factors = factors
        parallelElements(slot.mean.count) { range in
          let first = range.lowerBound
          lmk_adamw(
            range.count, slot.parameter.tensor.pointer + first, gradient.pointer + first, slot.mean.pointer + first,
            slot.square.pointer + first, factors, follower.map { $0.pointer + first }, average?.momentum ?? 1)
        }
      }
    }
  }

  /// One step with the gradients collected, which are forgotten then.
  ///
  /// - Throws: `ArgumentError` for a learning rate that is not finite; nothing has changed.
  public func takeStep(learningRate: Float) throws {
    guard learningRate.isFinite else {
      throw ArgumentError("learning rate is \(learningRate), wanted a finite 32-bit number")
    }
    update(learningRate: learningRate)
    clearGradients()
  }

  /// Forgets the gradients collected.
  public func clearGradients() {
    for slot in slots { slot.parameter.tensor.gradient?.clear() }
  }
}
