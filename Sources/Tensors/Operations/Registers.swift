import CKernels
import Compute

/// [token, register₀, register₁, …, x₀, x₁, …] for every image.
///
/// - Parameters:
///   - token: [1, 1, C], put in front; nil for none.
///   - registers: [1, R, C].
///   - x: [B, N, C].
/// - Returns: [B, (1 +) R + N, C].
/// - Throws: `ShapeError`, `OutOfMemory`.
public func prependTokens(_ token: Tensor?, _ registers: Tensor, to x: Tensor) throws -> Tensor {
  try expect(3, x, "prependTokens", "x")
  try expect(3, registers, "prependTokens", "registers")
  let (images, tokens, width) = (x.shape[0], x.shape[1], x.width)
  try expect([1, registers.shape[1], width], registers, "prependTokens", "registers")
  if let token { try expect([1, 1, width], token, "prependTokens", "token") }
  let (first, second, rest) = (token == nil ? 0 : width, registers.count, tokens * width)
  let to = first + second + rest
  let y = try Buffer(count: images * to)
  parallelRows(images, cost: to) { range in
    for image in range {
      let place = y.pointer + image * to
      if let token { place.update(from: token.pointer, count: first) }
      (place + first).update(from: registers.pointer, count: second)
      (place + first + second).update(from: x.pointer + image * rest, count: rest)
    }
  }
  let (dToken, dRegisters, dx) = (token?.gradient, registers.gradient, x.gradient)
  return recorded(shape: [images, to / width, width], buffer: y, inputs: [registers, x] + (token.map { [$0] } ?? [])) {
    dy in
    for (gradient, start, count) in [(dToken, 0, first), (dRegisters, first, second)] {
      try gradient?.accumulate(count: count) { place, beta in
        if beta == 0 { place.update(repeating: 0, count: count) }
        for image in 0..<images { lmk_add_scaled(count, 1, dy.pointer + image * to + start, place) }
      }
    }
    guard let dx else { return }
    let contribution = try Buffer(count: images * rest)
    parallelRows(images, cost: rest) { range in
      for image in range {
        (contribution.pointer + image * rest).update(from: dy.pointer + image * to + first + second, count: rest)
      }
    }
    try dx.add(contribution)
  }
}
