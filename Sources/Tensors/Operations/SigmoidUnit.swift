import CKernels
import Compute

/// x·σ(slope·x + cubic·x³), σ the logistic function: SiLU (1, 0), CLIP's "quick" GELU (1.702, 0), and GELU as its
/// approximation by tanh says (√(8/π), 0.044715·√(8/π)).
///
/// - Parameter x: any shape.
/// - Returns: the shape and type of `x`.
/// - Throws: `OutOfMemory`.
public func sigmoidUnit(_ x: Tensor, slope: Float, cubic: Float = 0) throws -> Tensor {
  try elementwise(
    x, "sigmoid unit",
    value: { lmk_sigmoid_unit($0, slope, cubic, $1, $2, $3) },
    gradient: { lmk_sigmoid_unit_gradient($0, slope, cubic, $1, $2, $3, $4) })
}

/// SwiGLU's product (Shazeer 2020): SiLU of the first half of each row, times the second half.
///
/// - Parameter x: [..., 2H].
/// - Returns: [..., H], of the type of `x`.
/// - Throws: `ShapeError`, `OutOfMemory`.
public func gated(_ x: Tensor) throws -> Tensor {
  guard !x.shape.isEmpty, x.width % 2 == 0 else {
    throw ShapeError("gated", "x has shape \(x.shape), wanted an even last dimension")
  }
  let (input, rows, width, type, part) = (x.kept, x.rows, x.width / 2, x.element, Profile.part)
  func apply(_ input: Buffer) throws -> Buffer {
    let y = try Buffer(count: rows * width, element: type)
    Profile.measure("gate", part: part, bytes: Double(3 * y.bytes)) {
      parallelRows(rows, cost: width) { range in
        let first = range.lowerBound * width
        lmk_gated(range.count, width, input.address(2 * first), y.address(first), type.code)
      }
    }
    return y
  }
  let dx = x.gradient
  return recorded(
    shape: x.shape.dropLast() + [width], buffer: try apply(x.buffer), inputs: [x], again: { try apply(input()) }
  ) { dy in
    let input = try input()
    let contribution = try Buffer(count: 2 * rows * width, element: type)
    Profile.measure("gate, gradient", part: part, bytes: Double(3 * input.bytes)) {
      parallelRows(rows, cost: 2 * width) { range in
        let first = range.lowerBound * width
        lmk_gated_gradient(
          range.count, width, input.address(2 * first), dy.address(first), contribution.address(2 * first), type.code)
      }
    }
    try dx?.add(contribution)
  }
}
