import Compute

/// Brings the borders of segments to the edges of the picture: the mask of each label is smoothed by a guided filter
/// (He, Sun, Tang 2010), whose output follows the picture where that has edges, and the largest wins; the lower label
/// on ties. O(pixels · labels), whatever the radius.
///
/// - Parameters:
///   - labels: [height, width], 0 or more.
///   - image: [height, width, channels] in 0 … 1. Three channels guide together; of any other number their mean does.
///   - radius: of the square windows, in pixels; borders move by about that much at most.
///   - epsilon: the variance of a window at which it counts as plain.
///   - refined: [height, width] is written.
/// - Throws: `SegmentationError.refinement`, `OutOfMemory`, `Interrupted`.
public func refine(
  labels: UnsafeBufferPointer<Int32>, image: UnsafeBufferPointer<Float>, height: Int, width: Int, channels: Int,
  radius: Int, epsilon: Double, into refined: UnsafeMutableBufferPointer<Int32>
) throws {
  guard height >= 1, width >= 1, channels >= 1, elementCount([height, width]) == labels.count,
    labels.count <= mostPixels, elementCount([labels.count, channels]) == image.count, refined.count == labels.count,
    radius >= 1, epsilon > 0, epsilon.isFinite, labels.allSatisfy({ $0 >= 0 })
  else {
    throw SegmentationError.refinement(
      labels: labels.count, values: image.count, shape: [height, width, channels], radius: radius, epsilon: epsilon)
  }
  let windows = try BoxFilter(height: height, width: width, radius: radius)
  let filter = try GuidedFilter(image, channels: channels, windows, epsilon: Float(epsilon))
  let best = try Buffer(count: labels.count, repeating: -.infinity)
  let mask = try Buffer(count: windows.planeCount)
  for label in Set(labels).sorted() {
    try Interruption.check()
    windows.eachRow { row, start in
      for x in 0..<width { mask.pointer[start + x] = labels[row * width + x] == label ? 1 : 0 }
    }
    filter.smooth(mask.pointer)
    windows.eachRow { row, start in
      for x in 0..<width where mask.pointer[start + x] > best.pointer[row * width + x] {
        best.pointer[row * width + x] = mask.pointer[start + x]
        refined[row * width + x] = label
      }
    }
  }
}

/// q = mean(a)·I + mean(b), with a = (Σ + ε)⁻¹ cov(I, p) and b = mean(p) − a·mean(I) of each window.
private struct GuidedFilter {
  private let windows: BoxFilter
  /// The guide's channels, their means, and the inverse of their covariance: [planes, pixels].
  private let guide: Buffer
  private let means: Buffer
  private let inverse: Buffer
  private let count: Int
  private let slopes: Buffer

  init(_ image: UnsafeBufferPointer<Float>, channels: Int, _ windows: BoxFilter, epsilon: Float) throws {
    self.windows = windows
    let count = channels == 3 ? 3 : 1
    let (planes, size) = (count * (count + 1) / 2, windows.planeCount)
    let (guide, means) = (try Buffer(count: count * size), try Buffer(count: count * size))
    let inverse = try Buffer(count: planes * size)
    (self.count, self.guide, self.means, self.inverse) = (count, guide, means, inverse)
    slopes = try Buffer(count: count * size)
    let width = windows.width
    windows.eachRow { row, start in
      for x in 0..<width {
        let pixel = image.baseAddress! + (row * width + x) * channels
        if count == 3 {
          for channel in 0..<3 { guide.pointer[channel * size + start + x] = pixel[channel] }
        } else {
          var sum: Float = 0
          for channel in 0..<channels { sum += pixel[channel] }
          guide.pointer[start + x] = sum / Float(channels)
        }
      }
    }
    means.pointer.update(from: guide.pointer, count: count * size)
    for channel in 0..<count { windows.mean(means.pointer + channel * size) }
    var plane = 0
    for a in 0..<count {
      for b in a..<count {
        let product = inverse.pointer + plane * size
        windows.eachValue { product[$0] = guide.pointer[a * size + $0] * guide.pointer[b * size + $0] }
        windows.mean(product)
        windows.eachValue { at in
          product[at] -= means.pointer[a * size + at] * means.pointer[b * size + at]
          if a == b { product[at] = max(product[at], 0) + epsilon }
        }
        plane += 1
      }
    }
    windows.eachValue { at in
      if count == 1 { inverse.pointer[at] = 1 / inverse.pointer[at] } else { invert(inverse.pointer + at, size) }
    }
  }

  /// - Parameter mask: [pixels], replaced by what is smoothed.
  func smooth(_ mask: UnsafeMutablePointer<Float>) {
    let (size, guide, means, inverse, slopes) = (
      windows.planeCount, guide.pointer, means.pointer, inverse.pointer, slopes.pointer
    )
    for channel in 0..<count {
      windows.eachValue { slopes[channel * size + $0] = guide[channel * size + $0] * mask[$0] }
      windows.mean(slopes + channel * size)
    }
    windows.mean(mask)
    if count == 1 {
      windows.eachValue { at in
        slopes[at] = (slopes[at] - means[at] * mask[at]) * inverse[at]
        mask[at] -= slopes[at] * means[at]
      }
    } else {
      windows.eachValue { at in
        let mean = SIMD3(means[at], means[size + at], means[2 * size + at])
        let c = SIMD3(slopes[at], slopes[size + at], slopes[2 * size + at]) - mean * mask[at]
        let (xx, xy, xz) = (inverse[at], inverse[size + at], inverse[2 * size + at])
        let (yy, yz, zz) = (inverse[3 * size + at], inverse[4 * size + at], inverse[5 * size + at])
        let a = SIMD3(
          xx * c.x + xy * c.y + xz * c.z, xy * c.x + yy * c.y + yz * c.z, xz * c.x + yz * c.y + zz * c.z)
        (slopes[at], slopes[size + at], slopes[2 * size + at]) = (a.x, a.y, a.z)
        mask[at] -= (a * mean).sum()
      }
    }
    windows.mean(mask)
    for channel in 0..<count {
      windows.mean(slopes + channel * size)
      windows.eachValue { mask[$0] += slopes[channel * size + $0] * guide[channel * size + $0] }
    }
  }
}

/// Inverts a symmetric 3×3 matrix, positive definite, whose six numbers lie `step` apart.
private func invert(_ m: UnsafeMutablePointer<Float>, _ step: Int) {
  let (xx, xy, xz) = (Double(m[0]), Double(m[step]), Double(m[2 * step]))
  let (yy, yz, zz) = (Double(m[3 * step]), Double(m[4 * step]), Double(m[5 * step]))
  let (a, b, c) = (yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy)
  let determinant = xx * a + xy * b + xz * c
  m[0] = Float(a / determinant)
  m[step] = Float(b / determinant)
  m[2 * step] = Float(c / determinant)
  m[3 * step] = Float((xx * zz - xz * xz) / determinant)
  m[4 * step] = Float((xy * xz - xx * yz) / determinant)
  m[5 * step] = Float((xx * yy - xy * xy) / determinant)
}
