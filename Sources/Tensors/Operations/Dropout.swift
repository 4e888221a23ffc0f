import Compute

/// x·keep/(1 − rate), where keep is 0 with probability `rate`, else 1, drawn per element (Srivastava et al., 2014). The
/// mask is not stored: the gradient draws it again.
///
/// - Parameters:
///   - x: [B, N, C].
///   - rate: in 0 ..< 1.
///   - stream: determines the mask, together with the places of image, token and channel.
///   - images: their places.
/// - Returns: the shape and type of `x`.
/// - Throws: `ShapeError`, `OutOfMemory`.
public func dropout(
  _ x: Tensor, rate: Float, stream: RandomStream, images: ImagePlaces = .from(0)
) throws -> Tensor {
  try expect(3, x, "dropout", "x")
  try expectRate(rate, "dropout")
  let (input, type, rows, width, part) = (x.kept, x.element, x.rows, x.width, Profile.part)
  let (count, tokens) = (x.shape[0], x.shape[1])
  // Images one after the other are one piece.
  let pieces: [(rows: Range<Int>, place: Int)] =
    switch images {
    case .from(let first): [(0..<rows, first)]
    case .these(let places): (0..<count).map { ($0 * tokens..<($0 + 1) * tokens, places[$0]) }
    }
  func apply(_ input: Buffer) throws -> Buffer {
    let y = try Buffer(count: rows * width, element: type)
    Profile.measure("dropout", part: part, bytes: Double(2 * y.bytes)) {
      for piece in pieces {
        let start = piece.rows.lowerBound * width
        stream.drop(
          input.address(start), into: y.address(start), type, rows: piece.rows.count, width: width,
          firstRow: piece.place * tokens, rate: rate)
      }
    }
    return y
  }
  let dx = x.gradient
  return recorded(
    shape: x.shape, buffer: try apply(x.buffer), inputs: [x], again: { try apply(input()) }
  ) { dy in try dx?.add(apply(dy)) }
}
