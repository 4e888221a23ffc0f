import CKernels
import Compute
import Glibc

/// The angles of rotary positions (Su et al. 2021) of the patches of a grid, one for every pair of a head's numbers.
public struct RotaryTable: Sendable {
  /// N, the patches that have one.
  public let patches: Int
  /// Half of a head's width: pairs are (i, i + half).
  public let half: Int
  private let cosines: Buffer
  private let sines: Buffer

  /// - Parameter angles: [N, half], in radians.
  /// - Throws: `ShapeError`, `OutOfMemory`.
  public init(_ angles: [Double], patches: Int) throws {
    guard patches > 0, !angles.isEmpty, angles.count % patches == 0 else {
      throw ShapeError("rotary", "\(angles.count) angles of \(patches) patches")
    }
    (self.patches, half) = (patches, angles.count / patches)
    (cosines, sines) = (try Buffer(angles.map { Float(cos($0)) }), try Buffer(angles.map { Float(sin($0)) }))
  }

  /// Turns the queries and keys of every token that has a position, and copies the rest.
  ///
  /// - Parameter isInverse: turns them back.
  fileprivate func turn(
    _ x: Buffer, into y: Buffer, rows: Int, tokens: Int, width: Int, heads: Int, isInverse: Bool
  ) throws {
    let backward = isInverse ? try Buffer(count: sines.count) : sines
    if isInverse { lmk_scale(sines.count, -1, sines.pointer, backward.pointer) }
    let (size, leading) = (x.element.size, tokens - patches)
    parallelRows(rows, cost: 3 * width) { range in
      for row in range {
        let (source, place) = (x.address(3 * row * width), y.address(3 * row * width))
        let patch = row % tokens - leading
        let turned = patch < 0 ? 0 : 2 * width
        place.advanced(by: turned * size).copyMemory(
          from: source.advanced(by: turned * size), byteCount: (3 * width - turned) * size)
        guard patch >= 0 else { continue }
        lmk_rotate(
          2 * heads, half, cosines.pointer + patch * half, backward.pointer + patch * half, source, place,
          x.element.code)
      }
    }
  }
}

/// Queries and keys turned by the angles of their patches; values, and the leading tokens, stay as they are.
///
/// - Parameters:
///   - qkv: [B, N, 3C]: queries, keys and values side by side, the heads of each side by side.
///   - heads: divides C.
///   - table: of the last patches of each image.
/// - Returns: the shape and type of `qkv`.
/// - Throws: `ShapeError`, `OutOfMemory`.
public func rotated(_ qkv: Tensor, heads: Int, by table: RotaryTable) throws -> Tensor {
  try expect(3, qkv, "rotated", "qkv")
  let (tokens, width, rows) = (qkv.shape[1], qkv.width / 3, qkv.rows)
  guard heads > 0, qkv.width == 3 * width, width == 2 * table.half * heads, table.patches <= tokens else {
    throw ShapeError(
      "rotated",
      "qkv has shape \(qkv.shape) and \(heads) heads, angles are of \(table.patches) patches and heads \(2 * table.half) wide"
    )
  }
  let (input, owner) = (qkv.buffer, Profile.part)
  let y = try Buffer(count: input.count, element: input.element)
  func turn(_ x: Buffer, into y: Buffer, isInverse: Bool) throws {
    try Profile.measure("rotary positions", part: owner, bytes: Double(2 * x.bytes)) {
      try table.turn(x, into: y, rows: rows, tokens: tokens, width: width, heads: heads, isInverse: isInverse)
    }
  }
  try turn(input, into: y, isInverse: false)
  let dqkv = qkv.gradient
  return recorded(shape: qkv.shape, buffer: y, inputs: [qkv]) { dy in
    // A rotation's transpose is its inverse.
    let contribution = try Buffer(count: dy.count, element: dy.element)
    try turn(dy, into: contribution, isInverse: true)
    try dqkv?.add(contribution)
  }
}
