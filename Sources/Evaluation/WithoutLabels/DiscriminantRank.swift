import Compute
import LatentMIM

/// LiDAR (arXiv 2312.04000, eqs. 1–4): how many directions tell images apart better than views of one image differ.
///
/// Images are classes, their views the members: with the covariance B of the images' means and W of views around their
/// image's mean, plus 10⁻⁴ in every direction, it is exp of the entropy of the eigenvalues of W^−½ B W^−½, normalised,
/// 10⁻⁷ added to each. They are the squared singular values of the images' means behind the inverse of W's Cholesky
/// factor, which spares an eigenvalue problem.
///
/// - Parameters:
///   - vectors: [images · views, C], the views of an image one behind the other.
///   - images: at least 2.
///   - views: at least 2.
/// - Returns: 1 where all images have one mean, at most min(images − 1, C); nan where numbers are beyond what doubles
///   hold.
/// - Throws: `OutOfMemory`.
func discriminantRank(_ vectors: UnsafePointer<Float>, images: Int, views: Int, width: Int) throws -> Double {
  // Deviations, means, the covariance, and what the singular values take.
  let doubles = width * (images * (views + 4) + width)
  try OutOfMemory.check(for: doubles, of: Double.self)
  let (means, deviations) = split(vectors, images: images, views: views, width: width)
  var within = covariance(deviations, rows: images * views, width: width)
  for channel in 0..<width { within[channel * width + channel] += 1e-4 }
  guard factor(&within, width) else { return .nan }
  let between = solved(within, centred(means, rows: images, width: width), rows: images, width: width)
  guard let values = singularValues(between, rows: images, columns: width) else { return .nan }
  let eigenvalues = values.map { $0 * $0 } + [Double](repeating: 0, count: width - values.count)
  return entropyRank(eigenvalues, epsilon: 1e-7)
}

/// The images' means [images, C], and what views differ from them by [images · views, C].
private func split(
  _ vectors: UnsafePointer<Float>, images: Int, views: Int, width: Int
) -> (means: [Double], deviations: [Double]) {
  var means = [Double](repeating: 0, count: images * width)
  var deviations = [Double](repeating: 0, count: images * views * width)
  for image in 0..<images {
    for channel in 0..<width {
      let first = image * views * width + channel
      let places = stride(from: first, to: first + views * width, by: width)
      let mean = places.reduce(0) { $0 + Double(vectors[$1]) } / Double(views)
      means[image * width + channel] = mean
      for place in places { deviations[place] = Double(vectors[place]) - mean }
    }
  }
  return (means, deviations)
}

private func centred(_ rows: [Double], rows count: Int, width: Int) -> [Double] {
  var centred = rows
  for channel in 0..<width {
    let places = stride(from: channel, to: rows.count, by: width)
    let mean = places.reduce(0) { $0 + rows[$1] } / Double(count)
    for place in places { centred[place] -= mean }
  }
  return centred
}

/// xᵀx / rows: its lower triangle, [C, C]. Each row of it is summed by one thread, sample after sample.
private func covariance(_ x: [Double], rows: Int, width: Int) -> [Double] {
  // Rows of the result that go through x together.
  let together = 8
  var sums = [Double](repeating: 0, count: width * width)
  x.withUnsafeBufferPointer { x in
    sums.withUnsafeMutableBufferPointer { sums in
      parallel((width + together - 1) / together) { block in
        for row in 0..<rows {
          for channel in (block * together)..<min((block + 1) * together, width) {
            let value = x[row * width + channel]
            for other in 0...channel { sums[channel * width + other] += value * x[row * width + other] }
          }
        }
      }
    }
  }
  return sums.map { $0 / Double(rows) }
}

/// Cholesky: replaces the lower triangle of a by L, a = LLᵀ. False where a is not positive definite.
private func factor(_ a: inout [Double], _ width: Int) -> Bool {
  for column in 0..<width {
    for row in column..<width {
      var rest = a[row * width + column]
      for place in 0..<column { rest -= a[row * width + place] * a[column * width + place] }
      if row == column {
        guard rest > 0, rest.isFinite else { return false }
        a[row * width + column] = rest.squareRoot()
      } else {
        a[row * width + column] = rest / a[column * width + column]
      }
    }
  }
  return true
}

/// L⁻¹x for each row x of [rows, C].
private func solved(_ l: [Double], _ x: [Double], rows: Int, width: Int) -> [Double] {
  var solved = x
  solved.withUnsafeMutableBufferPointer { solved in
    l.withUnsafeBufferPointer { l in
      parallel(rows) { row in
        let first = row * width
        for channel in 0..<width {
          var rest = solved[first + channel]
          for place in 0..<channel { rest -= l[channel * width + place] * solved[first + place] }
          solved[first + channel] = rest / l[channel * width + channel]
        }
      }
    }
  }
  return solved
}
