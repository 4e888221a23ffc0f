import CKernels
import Compute
import Tensors

/// A network that follows another: target ← m·target + (1 − m)·online, parameters matched by name.
public final class MovingAverage: @unchecked Sendable {
  /// Those that follow, by the memory of the parameter they follow.
  private let pairs: [ObjectIdentifier: (online: Tensor, target: Tensor)]

  /// - Parameters:
  ///   - target: the parameters that follow; each must have a namesake of its shape among `online`, which may hold
  ///     more.
  ///   - online: the parameters that are trained.
  /// - Throws: `ShapeError` naming the first without a partner.
  public init(target: [NamedParameter], online: [NamedParameter]) throws {
    let leaders = Dictionary(online.map { ($0.name, $0.parameter.tensor) }, uniquingKeysWith: { first, _ in first })
    let found = try target.map { named in
      guard let leader = leaders[named.name], leader.shape == named.parameter.shape else {
        throw ShapeError("movingAverage", "no online parameter \(named.name) of shape \(named.parameter.shape)")
      }
      return (ObjectIdentifier(leader.buffer), (leader, named.parameter.tensor))
    }
    pairs = Dictionary(found, uniquingKeysWith: { first, _ in first })
  }

  /// What follows a parameter; nil where nothing does.
  func follower(of online: Tensor) -> Tensor? { pairs[ObjectIdentifier(online.buffer)]?.target }

  /// One step towards the online parameters; momentum 0 copies them, 1 leaves the target as it is.
  public func update(momentum: Float) {
    for (online, target) in pairs.values { move(target, towards: online, momentum: momentum) }
  }

  /// The same for whatever follows one parameter.
  func follow(_ online: Tensor, momentum: Float) {
    if let target = follower(of: online) { move(target, towards: online, momentum: momentum) }
  }

  private func move(_ target: Tensor, towards online: Tensor, momentum: Float) {
    target.packing?.forget()
    guard momentum > 0 else {
      target.pointer.update(from: online.pointer, count: target.count)
      return
    }
    parallelElements(target.count) { range in
      lmk_average(range.count, momentum, online.pointer + range.lowerBound, target.pointer + range.lowerBound)
    }
  }
}
