import CKernels
import Compute

/// a + b.
///
/// - Parameters:
///   - a, b: the same shape.
/// - Throws: `ShapeError`, `OutOfMemory`.
public func add(_ a: Tensor, _ b: Tensor) throws -> Tensor {
  try expect(a.shape, b, "add", "second operand")
  let y = try Buffer(count: a.count)
  parallelElements(a.count) { range in
    let first = range.lowerBound
    lmk_add(range.count, a.pointer + first, b.pointer + first, y.pointer + first, y.element.code)
  }
  let (da, db) = (a.gradient, b.gradient)
  return recorded(shape: a.shape, buffer: y, inputs: [a, b]) { dy in
    try da?.add(dy)
    try db?.add(dy)
  }
}
