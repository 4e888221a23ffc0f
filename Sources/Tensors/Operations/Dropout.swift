import Compute

/// x·keep/(1 − rate), where keep is 0 with probability `rate`, else 1, drawn per element (Srivastava et al., 2014). The
/// mask is not stored: the gradient draws it again.
///
/// - Parameters:
///   - x: [B, N, C].
///   - rate: in 0 ..< 1.
///   - stream: determines the mask, together with the numbers of image, token and channel.
///   - firstImage: the number of the first image.
/// - Returns: the shape and type of `x`.
/// - Throws: `ShapeError`, `OutOfMemory`.
public func dropout(_ x: Tensor, rate: Float, stream: RandomStream, firstImage: Int = 0) throws -> Tensor {
  try expect(3, x, "dropout", "x")
  try expectRate(rate, "dropout")
  let (input, type, rows, width, part) = (x.kept, x.element, x.rows, x.width, Profile.part)
  let firstRow = firstImage * x.shape[1]
  func apply(_ input: Buffer) throws -> Buffer {
    let y = try Buffer(count: rows * width, element: type)
    Profile.measure("dropout", part: part, bytes: Double(2 * y.bytes)) {
      stream.drop(input.raw, into: y.raw, type, rows: rows, width: width, firstRow: firstRow, rate: rate)
    }
    return y
  }
  let dx = x.gradient
  return recorded(
    shape: x.shape, buffer: try apply(x.buffer), inputs: [x], again: { try apply(input()) }
  ) { dy in try dx?.add(apply(dy)) }
}
