import CKernels
import Compute

/// The mean cosine similarity over all ordered pairs of tokens of an image, including each token with itself. Equals
/// ‖mean of the unit-length tokens‖².
///
/// - Parameter x: [B, N, C], of unit length, N ≥ 1.
/// - Returns: [B].
/// - Throws: `ShapeError`, `OutOfMemory`.
public func meanCosine(_ x: Tensor) throws -> Tensor {
  try expect(3, x, "meanCosine", "x")
  let (images, tokens, width) = (x.shape[0], x.shape[1], x.width)
  guard tokens > 0 else { throw ShapeError("meanCosine", "x has shape \(x.shape), wanted at least one token") }
  let means = try tokenMeans(x).buffer
  let y = try Buffer(count: images)
  for image in 0..<images { y.pointer[image] = Float(lmk_sum_of_squares(width, means.pointer + image * width)) }
  let dx = x.gradient
  return recorded(shape: [images], buffer: y, inputs: [x]) { dy in
    let contribution = try Buffer(count: images * tokens * width)
    parallelRows(images, cost: tokens * width) { range in
      for image in range {
        let mean = means.pointer + image * width
        lmk_scale(width, 2 * dy.pointer[image] / Float(tokens), mean, mean)
        lmk_fill_rows(tokens, width, mean, nil, contribution.pointer + image * tokens * width)
      }
    }
    try dx?.add(contribution)
  }
}

/// The mean token of each image, summed in double precision. No gradient flows through it.
///
/// - Parameter x: [B, N, C], N ≥ 1.
/// - Returns: [B, C].
/// - Throws: `ShapeError`, `OutOfMemory`.
public func tokenMeans(_ x: Tensor) throws -> Tensor {
  try expect(3, x, "tokenMeans", "x")
  let (images, tokens, width) = (x.shape[0], x.shape[1], x.width)
  guard tokens > 0 else { throw ShapeError("tokenMeans", "x has shape \(x.shape), wanted at least one token") }
  let (input, means) = (x.buffer, try Buffer(count: images * width))
  parallelRows(images, cost: tokens * width) { range in
    for image in range {
      columnMeans(
        input.address(image * tokens * width), input.element, rows: tokens, width: width,
        into: means.pointer + image * width)
    }
  }
  return try Tensor(shape: [images, width], buffer: means)
}

/// Squared deviation of similarities from a target γ (eq. 8).
public enum DeviationForm: String, Sendable, CaseIterable {
  /// (mean over images − γ)²
  case batch
  /// mean over images of (similarity − γ)²
  case image
}

/// The squared deviation of `similarities` from `wanted`, γ.
///
/// - Parameter similarities: [B].
/// - Returns: a scalar.
/// - Throws: `ShapeError`, `OutOfMemory`.
public func squaredDeviation(_ similarities: Tensor, from wanted: Float, form: DeviationForm) throws -> Tensor {
  try expect(1, similarities, "squaredDeviation", "similarities")
  let values = similarities.buffer
  let images = Float(values.count)
  let mean = values.values.reduce(0, +) / images
  let result =
    switch form {
    case .batch: (mean - wanted) * (mean - wanted)
    case .image: values.values.reduce(0) { $0 + ($1 - wanted) * ($1 - wanted) } / images
    }
  let slot = similarities.gradient
  return recorded(shape: [], buffer: try Buffer([result]), inputs: [similarities]) { dy in
    let gradient = values.values.map { value in
      2 * dy.pointer[0] / images * ((form == .batch ? mean : value) - wanted)
    }
    try slot?.add(Buffer(gradient))
  }
}

/// Σ factor·term of scalars.
///
/// - Throws: `ShapeError` if a term is not a scalar, `OutOfMemory`.
public func weightedSum(_ terms: [(factor: Float, term: Tensor)]) throws -> Tensor {
  for (_, term) in terms { try expect([], term, "weightedSum", "term") }
  let sum = terms.reduce(0) { $0 + $1.factor * $1.term.item }
  let slots = terms.map { ($0.factor, $0.term.gradient) }
  return recorded(shape: [], buffer: try Buffer([sum]), inputs: terms.map { $0.term }) { dy in
    for (factor, slot) in slots { try slot?.add(Buffer([factor * dy.pointer[0]])) }
  }
}
