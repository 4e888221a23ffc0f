import CKernels
import Compute

/// The first token (the class token).
///
/// - Parameter x: [B, N, C], N ≥ 1.
/// - Returns: [B, C].
/// - Throws: `ShapeError`, `OutOfMemory`.
public func firstToken(_ x: Tensor) throws -> Tensor {
  try expect(3, x, "firstToken", "x")
  let (images, size, width) = (x.shape[0], x.shape[1] * x.width, x.width)
  guard x.shape[1] >= 1 else { throw ShapeError("firstToken", "x has shape \(x.shape), wanted at least one token") }
  let y = try Buffer(count: images * width)
  for image in 0..<images { (y.pointer + image * width).update(from: x.pointer + image * size, count: width) }
  let dx = x.gradient
  return recorded(shape: [images, width], buffer: y, inputs: [x]) { dy in
    let contribution = try Buffer(count: images * size, repeating: 0)
    for image in 0..<images {
      (contribution.pointer + image * size).update(from: dy.pointer + image * width, count: width)
    }
    try dx?.add(contribution)
  }
}

/// The mean of the tokens; unlike `tokenMeans` with a gradient.
///
/// - Parameter x: [B, N, C], N ≥ 1.
/// - Returns: [B, C].
/// - Throws: `ShapeError`, `OutOfMemory`.
public func averagedTokens(_ x: Tensor) throws -> Tensor {
  let y = try tokenMeans(x)
  let (images, tokens, width, dx) = (x.shape[0], x.shape[1], x.width, x.gradient)
  return recorded(shape: y.shape, buffer: y.buffer, inputs: [x]) { dy in
    let contribution = try Buffer(count: images * tokens * width)
    parallelRows(images * tokens, cost: width) { range in
      for row in range {
        lmk_scale(
          width, 1 / Float(tokens), dy.pointer + row / tokens * width, contribution.pointer + row * width)
      }
    }
    try dx?.add(contribution)
  }
}

/// Per channel, the mean of its k largest values over the tokens; of equal values the first ones are taken.
///
/// - Parameters:
///   - x: [B, N, C].
///   - k: 1 … N.
/// - Returns: [B, C].
/// - Throws: `ShapeError`, `OutOfMemory`.
public func largestTokenMeans(_ x: Tensor, k: Int) throws -> Tensor {
  try expect(3, x, "largestTokenMeans", "x")
  let (images, tokens, width) = (x.shape[0], x.shape[1], x.width)
  guard 1...max(tokens, 1) ~= k, tokens > 0 else {
    throw ShapeError("largestTokenMeans", "k is \(k), wanted 1 … \(tokens), the number of tokens")
  }
  let (input, y) = (x.buffer, try Buffer(count: images * width))
  parallelRows(images, cost: 8 * tokens * width) { range in
    for image in range {
      for channel in 0..<width {
        var sum = 0.0
        withLargest(input.pointer + image * tokens * width + channel, tokens, width, k) { sum += Double($1) }
        y.pointer[image * width + channel] = Float(sum / Double(k))
      }
    }
  }
  let dx = x.gradient
  return recorded(shape: [images, width], buffer: y, inputs: [x]) { dy in
    let contribution = try Buffer(count: images * tokens * width, repeating: 0)
    parallelRows(images, cost: 8 * tokens * width) { range in
      for image in range {
        for channel in 0..<width {
          let (first, share) = (image * tokens * width + channel, dy.pointer[image * width + channel] / Float(k))
          withLargest(input.pointer + first, tokens, width, k) { token, _ in
            contribution.pointer[first + token * width] = share
          }
        }
      }
    }
    try dx?.add(contribution)
  }
}
