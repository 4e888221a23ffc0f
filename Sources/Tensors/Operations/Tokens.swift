import CKernels
import Compute

/// [token, x₀ + position₀, x₁ + position₁, …] for every image.
///
/// - Parameters:
///   - token: [1, 1, C], put in front; its position is zero.
///   - x: [B, N, C].
///   - positions: [B, N, C], constant.
/// - Returns: [B, N + 1, C].
/// - Throws: `ShapeError`, `OutOfMemory`.
public func prependToken(_ token: Tensor, to x: Tensor, positions: Tensor) throws -> Tensor {
  try expect(3, x, "prependToken", "x")
  let (images, tokens, width) = (x.shape[0], x.shape[1], x.width)
  try expect([1, 1, width], token, "prependToken", "token")
  try expect(x.shape, positions, "prependToken", "positions")
  let (from, to) = (tokens * width, (tokens + 1) * width)
  let y = try Buffer(count: images * to)
  parallelRows(images, cost: to) { range in
    for image in range {
      let place = y.pointer + image * to
      place.update(from: token.pointer, count: width)
      lmk_add(from, x.pointer + image * from, positions.pointer + image * from, place + width, x.element.code)
    }
  }
  let (dToken, dx) = (token.gradient, x.gradient)
  return recorded(shape: [images, tokens + 1, width], buffer: y, inputs: [token, x]) { dy in
    try dToken?.accumulate(count: width) { place, keep in
      if keep == 0 { place.update(repeating: 0, count: width) }
      for image in 0..<images { lmk_add_scaled(width, 1, dy.pointer + image * to, place) }
    }
    guard let dx else { return }
    let contribution = try Buffer(count: images * from)
    parallelRows(images, cost: from) { range in
      for image in range {
        (contribution.pointer + image * from).update(from: dy.pointer + image * to + width, count: from)
      }
    }
    try dx.add(contribution)
  }
}

/// The tokens behind the first (the class token).
///
/// - Parameter x: [B, N + 1, C].
/// - Returns: [B, N, C].
/// - Throws: `ShapeError`, `OutOfMemory`.
public func dropFirstToken(_ x: Tensor) throws -> Tensor {
  try expect(3, x, "dropFirstToken", "x")
  let (images, tokens, width) = (x.shape[0], x.shape[1] - 1, x.width)
  guard tokens >= 0 else { throw ShapeError("dropFirstToken", "x has shape \(x.shape): no token to drop") }
  let (from, to) = ((tokens + 1) * width, tokens * width)
  let y = try Buffer(count: images * to)
  parallelRows(images, cost: to) { range in
    for image in range { (y.pointer + image * to).update(from: x.pointer + image * from + width, count: to) }
  }
  let dx = x.gradient
  return recorded(shape: [images, tokens, width], buffer: y, inputs: [x]) { dy in
    let contribution = try Buffer(count: images * from)
    parallelRows(images, cost: from) { range in
      for image in range {
        let place = contribution.pointer + image * from
        place.update(repeating: 0, count: width)
        (place + width).update(from: dy.pointer + image * to, count: to)
      }
    }
    try dx?.add(contribution)
  }
}

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
