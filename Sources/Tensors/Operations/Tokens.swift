import CKernels
import Compute

/// [token, x₀ + position₀, x₁ + position₁, …] for every image.
///
/// - Parameters:
///   - token: [1, 1, C], put in front; its position is zero.
///   - x: [B, N, C].
///   - positions: [B, N, C].
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
  let (dToken, dx, dPositions) = (token.gradient, x.gradient, positions.gradient)
  return recorded(shape: [images, tokens + 1, width], buffer: y, inputs: [token, x, positions]) { dy in
    try dToken?.accumulate(count: width) { place, beta in
      if beta == 0 { place.update(repeating: 0, count: width) }
      for image in 0..<images { lmk_add_scaled(width, 1, dy.pointer + image * to, place) }
    }
    guard dx != nil || dPositions != nil else { return }
    let contribution = try Buffer(count: images * from)
    parallelRows(images, cost: from) { range in
      for image in range {
        (contribution.pointer + image * from).update(from: dy.pointer + image * to + width, count: from)
      }
    }
    try dx?.add(contribution)
    try dPositions?.add(contribution)
  }
}

/// The tokens of `a`, then those of `b`, for every image.
///
/// - Parameters:
///   - a: [B, N, C].
///   - b: [B, M, C].
/// - Returns: [B, N + M, C].
/// - Throws: `ShapeError`, `OutOfMemory`.
public func joinTokens(_ a: Tensor, _ b: Tensor) throws -> Tensor {
  try expect(3, a, "joinTokens", "a")
  let (images, width) = (a.shape[0], a.width)
  try expect([images, b.shape.count == 3 ? b.shape[1] : 0, width], b, "joinTokens", "b")
  let (first, second) = (a.shape[1] * width, b.shape[1] * width)
  let whole = first + second
  let y = try Buffer(count: images * whole)
  parallelRows(images, cost: whole) { range in
    for image in range {
      (y.pointer + image * whole).update(from: a.pointer + image * first, count: first)
      (y.pointer + image * whole + first).update(from: b.pointer + image * second, count: second)
    }
  }
  let (da, db) = (a.gradient, b.gradient)
  return recorded(shape: [images, a.shape[1] + b.shape[1], width], buffer: y, inputs: [a, b]) { dy in
    func part(_ slot: GradientSlot?, from start: Int, count: Int) throws {
      guard let slot else { return }
      let contribution = try Buffer(count: images * count)
      parallelRows(images, cost: count) { range in
        for image in range {
          (contribution.pointer + image * count).update(from: dy.pointer + image * whole + start, count: count)
        }
      }
      try slot.add(contribution)
    }
    try part(da, from: 0, count: first)
    try part(db, from: first, count: second)
  }
}

/// x with selected tokens replaced by one token: masks patches for an encoder that sees mask tokens.
///
/// - Parameters:
///   - x: [B, N, C].
///   - token: [1, 1, C].
///   - indices: B · K token numbers in 0 ..< N.
/// - Returns: [B, N, C].
/// - Throws: `ShapeError`, `OutOfMemory`.
public func replaceTokens(_ x: Tensor, with token: Tensor, at indices: [Int32]) throws -> Tensor {
  try expect(3, x, "replaceTokens", "x")
  let (images, tokens, width) = (x.shape[0], x.shape[1], x.width)
  try expect([1, 1, width], token, "replaceTokens", "token")
  guard images > 0, indices.count % images == 0 else {
    throw ShapeError("replaceTokens", "\(indices.count) indices do not divide among \(images) images")
  }
  if let wrong = indices.first(where: { $0 < 0 || Int($0) >= tokens }) {
    throw ShapeError("replaceTokens", "index \(wrong) is outside 0 ..< \(tokens)")
  }
  // A gather from one table: row 0 is the mask token, then all tokens.
  var rows = (0..<images * tokens).map { Int32($0 + 1) }
  let perImage = indices.count / images
  for (place, index) in indices.enumerated() { rows[place / perImage * tokens + Int(index)] = 0 }
  let table = try joinTokens(token, x.reshaped([1, images * tokens, width]))
  return try gatherRows(table.reshaped([images * tokens + 1, width]), indices: rows, images: images)
}

/// All tokens but the first (the class token).
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
