import CKernels
import Compute

/// Accumulates the gradient of one tensor.
public final class GradientSlot: @unchecked Sendable {
  private var buffer: Buffer?
  /// How often something was added, from the beginning on.
  public private(set) var contributions = 0

  public init() {}

  /// The gradient accumulated so far; nil for none yet.
  public var value: Buffer? { buffer }

  public func clear() { buffer = nil }

  /// Hands the gradient over, in a buffer that nobody else has; none is left here.
  ///
  /// - Throws: `OutOfMemory`.
  public func takeOwn() throws -> Buffer? {
    if !isKnownUniquelyReferenced(&buffer), let shared = buffer { buffer = try Buffer(shared.values) }
    defer { buffer = nil }
    return buffer
  }

  /// Puts a gradient that was taken back, added to what has come meanwhile. It is no new contribution.
  ///
  /// - Throws: `OutOfMemory`.
  public func putBack(_ taken: Buffer) throws {
    try add(taken)
    contributions -= 1
  }

  /// Sets the gradient, where there is one, to other values.
  ///
  /// - Throws: `OutOfMemory`.
  public func replace(with values: UnsafePointer<Float>, count: Int) throws {
    guard let place = try own() else { return }
    precondition(count == place.count, "values of another shape")
    parallelRows(count, cost: 1) { range in
      (place.pointer + range.lowerBound).update(from: values + range.lowerBound, count: range.count)
    }
  }

  /// Makes the gradient, where there is one, 0.
  ///
  /// - Throws: `OutOfMemory`.
  public func setToZero() throws {
    guard let place = try own() else { return }
    place.pointer.update(repeating: 0, count: place.count)
  }

  /// A buffer for new values that nobody else has.
  private func own() throws -> Buffer? {
    if !isKnownUniquelyReferenced(&buffer), let shared = buffer { buffer = try Buffer(count: shared.count) }
    return buffer
  }

  /// Adds a contribution. The first one's buffer is kept without a copy; a shared buffer is never written to.
  ///
  /// - Throws: `OutOfMemory`.
  func add(_ contribution: Buffer) throws {
    contributions += 1
    guard buffer != nil else {
      buffer = contribution
      return
    }
    let isMine = isKnownUniquelyReferenced(&buffer)
    guard let collected = buffer else { return }
    let sum = try isMine ? collected : Buffer(count: collected.count, element: collected.element)
    parallelElements(sum.count) { range in
      let first = range.lowerBound
      lmk_add(
        range.count, collected.address(first), contribution.address(first), sum.address(first), sum.element.code)
    }
    buffer = sum
  }

  /// Lets `write(place, beta)` set place = beta · place + contribution, where place is the gradient of `count` values.
  /// Compared with `add` it saves a buffer and a pass over memory.
  ///
  /// - Throws: `OutOfMemory`, and what `write` throws.
  func accumulate(
    count: Int, element: Element, _ write: (UnsafeMutableRawPointer, _ beta: Float) throws -> Void
  ) throws {
    if isKnownUniquelyReferenced(&buffer), let buffer {
      contributions += 1
      try write(buffer.raw, 1)
      return
    }
    let contribution = try Buffer(count: count, element: element)
    try write(contribution.raw, 0)
    try add(contribution)
  }

  /// The same for float32 values.
  func accumulate(count: Int, _ write: (UnsafeMutablePointer<Float>, _ beta: Float) throws -> Void) throws {
    try accumulate(count: count, element: .float32) { try write($0.assumingMemoryBound(to: Float.self), $1) }
  }

  /// Returns the gradient and clears the slot.
  func take() -> Buffer? {
    defer { buffer = nil }
    return buffer
  }
}

/// The operations of a forward pass in order, for reverse-mode differentiation.
///
/// Operations record themselves on the tape of the enclosing `record` call; outside of one, nothing is kept.
public final class Tape: @unchecked Sendable {
  @TaskLocal static var current: Tape?

  private var entries: [() throws -> Void] = []
  private var isWalked = false

  /// Runs `body` and records what its gradient needs.
  public static func record<Result>(_ body: () throws -> Result) rethrows -> (result: Result, tape: Tape) {
    let tape = Tape()
    let result = try $current.withValue(tape) { try body() }
    return (result, tape)
  }

  /// Runs `body` without recording: its results are constants.
  public static func pause<Result>(_ body: () throws -> Result) rethrows -> Result {
    try $current.withValue(nil) { try body() }
  }

  /// Adds scale · ∂output/∂leaf to the slot of every leaf that `output` depends on. Frees memory on the way, so a tape
  /// can be walked only once.
  ///
  /// - Parameters:
  ///   - output: a tensor of one element.
  ///   - scale: what the gradient is multiplied by.
  ///   - afterEach: is called behind each operation.
  /// - Throws: `ShapeError` if `output` has more elements or was not recorded; `OutOfMemory`; `Interrupted`, after
  ///   which gradients are incomplete; what `afterEach` throws.
  public func backward(from output: Tensor, scale: Float = 1, afterEach: (() throws -> Void)? = nil) throws {
    guard output.count == 1 else {
      throw ShapeError("backward", "output has shape \(output.shape), wanted a single number")
    }
    guard !isWalked else { throw ShapeError("backward", "this tape was walked before; record again") }
    try backward(from: output, gradient: Buffer(count: 1, repeating: scale), afterEach: afterEach)
  }

  /// The same for an output of any shape, given its gradient.
  func backward(from output: Tensor, gradient: Buffer, afterEach: (() throws -> Void)? = nil) throws {
    guard let slot = output.gradient else {
      throw ShapeError("backward", "output depends on nothing that wants a gradient")
    }
    try slot.add(gradient)
    isWalked = true
    while let entry = entries.popLast() {
      try Interruption.check()
      try entry()
      try afterEach?()
    }
  }

  fileprivate func append(_ entry: @escaping () throws -> Void) { entries.append(entry) }
}

/// Whether an operation on these inputs will be recorded.
func isRecorded(_ inputs: [Tensor?]) -> Bool {
  Tape.current != nil && inputs.contains { $0?.gradient != nil }
}

/// The result of an operation: recorded with its gradient if a tape runs and an input requires a gradient.
///
/// - Parameters:
///   - inputs: the tensors that a gradient could flow to.
///   - again: recomputes the result, if that is cheap; its memory can be freed in the meantime.
///   - gradient: given ∂loss/∂result, adds to the inputs' slots. What it captures stays in memory until it has run, so
///     capture only the buffers and slots it needs, not tensors.
func recorded(
  shape: [Int], buffer: Buffer, inputs: [Tensor?], again: (() throws -> Buffer)? = nil,
  gradient: @escaping (_ dy: Buffer) throws -> Void
) -> Tensor {
  guard let tape = Tape.current, isRecorded(inputs) else {
    return Tensor(shape: shape, buffer: buffer, gradient: nil)
  }
  let slot = GradientSlot()
  tape.append {
    guard let dy = slot.take() else { return }
    try gradient(dy)
  }
  return Tensor(shape: shape, buffer: buffer, gradient: slot, again: again)
}

/// Values that a gradient needs later: either held in memory, or recomputed then.
struct KeptValues {
  let element: Element
  let count: Int
  private let held: Buffer?
  private let again: (() throws -> Buffer)?

  init(_ tensor: Tensor) {
    (element, count) = (tensor.element, tensor.count)
    again = tensor.again
    held = tensor.again == nil ? tensor.buffer : nil
  }

  /// - Throws: `OutOfMemory`.
  func callAsFunction() throws -> Buffer {
    if let held { return held }
    guard let again else { preconditionFailure("neither values nor a way to compute them") }
    return try again()
  }
}
