import CKernels
import Compute
import Tensors

/// A network that follows another: target ← m·target + (1 − m)·online, parameters matched by name.
public final class MovingAverage: @unchecked Sendable {
  private let pairs: [(online: Tensor, target: Tensor)]

  /// - Parameters:
  ///   - target: the parameters that follow; each must have a namesake of its shape among `online`, which may hold more.
  ///   - online: the parameters that are trained.
  /// - Throws: `ShapeError` naming the first without a partner.
  public init(target: [NamedParameter], online: [NamedParameter]) throws {
    let leaders = Dictionary(online.map { ($0.name, $0.parameter.tensor) }, uniquingKeysWith: { first, _ in first })
    pairs = try target.map { named in
      guard let leader = leaders[named.name], leader.shape == named.parameter.shape else {
        throw ShapeError("movingAverage", "no online parameter \(named.name) of shape \(named.parameter.shape)")
      }
      return (leader, named.parameter.tensor)
    }
  }

  /// One step towards the online parameters; momentum 0 copies them, 1 leaves the target as it is.
  public func update(momentum: Float) {
    for (online, target) in pairs {
      target.packing?.forget()
      guard momentum > 0 else {
        target.pointer.update(from: online.pointer, count: target.count)
        continue
      }
      parallelElements(target.count) { range in
        lmk_average(range.count, momentum, online.pointer + range.lowerBound, target.pointer + range.lowerBound)
      }
    }
  }
}
