import Compute

/// body(inputs), with activation checkpointing if `Computation.recomputesBlocks` is set: only the inputs are kept, and
/// the gradient runs `body` again first. Values and gradients have the same bits either way.
///
/// - Parameter body: depends on nothing but its arguments and parameters; it may be called twice.
/// - Throws: what `body` throws.
public func recomputed(_ inputs: Tensor..., body: @escaping ([Tensor]) throws -> Tensor) throws -> Tensor {
  let computation = Computation.current
  guard computation.recomputesBlocks, isRecorded(inputs) else { return try body(inputs) }
  let part = Profile.part
  let y = try Tape.pause { try body(inputs) }
  return recorded(shape: y.shape, buffer: y.buffer, inputs: inputs) { dy in
    let leaves = inputs.map {
      Tensor(shape: $0.shape, buffer: $0.buffer, gradient: $0.gradient == nil ? nil : GradientSlot())
    }
    let (again, tape) = try Computation.$current.withValue(computation) {
      try Profile.$part.withValue(part) { try Tape.record { try body(leaves) } }
    }
    try tape.backward(from: again, gradient: dy)
    for (input, leaf) in zip(inputs, leaves) {
      if let gradient = leaf.gradient?.take() { try input.gradient?.add(gradient) }
    }
  }
}
