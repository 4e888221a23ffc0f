import Glibc

/// Where a pixel of the result is read: x' = a·x + b·y + c, y' = d·x + e·y + f, in pixels from the upper left corner.
struct AffineMap {
  let a, b, c, d, e, f: Double

  init(_ a: Double, _ b: Double, _ c: Double, _ d: Double, _ e: Double, _ f: Double) {
    (self.a, self.b, self.c, self.d, self.e, self.f) = (a, b, c, d, e, f)
  }
}

extension Levels {
  /// - Throws: `ImageError.memory`.
  func rotate(_ degrees: Double, _ sampling: ImageOperation.Sampling, _ fill: [UInt8]) throws {
    guard degrees.remainder(dividingBy: 360) != 0 else { return }
    let angle = -degrees * .pi / 180
    // Fifteen decimals, as Pillow: right angles are exact.
    let (cosine, sine) = ((cos(angle) * 1e15).rounded() / 1e15, (sin(angle) * 1e15).rounded() / 1e15)
    let (x, y) = (Double(width) / 2, Double(height) / 2)
    let map = AffineMap(cosine, sine, x - cosine * x - sine * y, -sine, cosine, y + sine * x - cosine * y)
    try transform(map, sampling, fill)
  }

  /// Reads every pixel where `map` says; what lies outside becomes `fill`.
  ///
  /// - Throws: `ImageError.memory`.
  func transform(_ map: AffineMap, _ sampling: ImageOperation.Sampling, _ fill: [UInt8]) throws {
    let source = try copy()
    for y in 0..<height {
      for x in 0..<width {
        let (centreX, centreY) = (Double(x) + 0.5, Double(y) + 0.5)
        let fromX = map.a * centreX + map.b * centreY + map.c
        let fromY = map.d * centreX + map.e * centreY + map.f
        let place = start + (y * width + x) * channels
        guard fromX >= 0, fromX < Double(width), fromY >= 0, fromY < Double(height) else {
          for channel in 0..<channels { place[channel] = fill[channel] }
          continue
        }
        for channel in 0..<channels {
          place[channel] = source.level(fromX - 0.5, fromY - 0.5, channel, sampling)
        }
      }
    }
  }

  /// The level between pixels, cut to a whole one. Beyond an edge its pixels go on.
  private func level(_ x: Double, _ y: Double, _ channel: Int, _ sampling: ImageOperation.Sampling) -> UInt8 {
    let (left, top) = (Int(x.rounded(.down)), Int(y.rounded(.down)))
    let (dx, dy) = (x - Double(left), y - Double(top))
    func at(_ column: Int, _ row: Int) -> Double {
      Double(start[(min(max(row, 0), height - 1) * width + min(max(column, 0), width - 1)) * channels + channel])
    }
    switch sampling {
    case .bilinear:
      func across(_ row: Int) -> Double { linear(at(left, row), at(left + 1, row), dx) }
      return UInt8(linear(across(top), across(top + 1), dy))
    case .bicubic:
      func across(_ row: Int) -> Double {
        cubic(at(left - 1, row), at(left, row), at(left + 1, row), at(left + 2, row), dx)
      }
      let value = cubic(across(top - 1), across(top), across(top + 1), across(top + 2), dy)
      return UInt8(min(max(value, 0), 255))
    }
  }
}

private func linear(_ a: Double, _ b: Double, _ share: Double) -> Double { a + (b - a) * share }

/// Cubic convolution with the slope parameter −1, between b and c.
private func cubic(_ a: Double, _ b: Double, _ c: Double, _ d: Double, _ share: Double) -> Double {
  b + share * (c - a + share * (2 * (a - b) + c - d + share * (b - a - c + d)))
}
