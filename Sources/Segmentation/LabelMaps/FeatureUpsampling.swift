import Compute

/// Labels of pixels from segments of patches: features are interpolated bilinearly (pixel centres at ½, edges
/// repeated), and each pixel gets, of the labels of the four patches around it, the one whose segment's mean is nearest
/// to its features; the lower one on ties.
///
/// A patch itself fits its own segment no worse than those of its neighbours: its centre keeps its label, even where
/// another mean is nearer than the tree's choice, and borders do not jump where other patches come into question.
///
/// Twice the product of features with a mean, less the mean's square, orders means by their distance and is linear in
/// the features: it is interpolated in their place.
///
/// - Parameters:
///   - labels: [rows, columns], 0, 1, ….
///   - features: [rows, columns, channels].
///   - means: of segments, [labels, channels]; more segments than occur here where they span several pictures.
///   - height: and `width`: size wanted, 2³¹ pixels at most.
/// - Returns: [height, width].
/// - Throws: `SegmentationError.labelMap`, `OutOfMemory`.
public func upsample(
  labels: UnsafeBufferPointer<Int32>, features: UnsafeBufferPointer<Float>, means: UnsafeBufferPointer<Float>,
  channels: Int, rows: Int, columns: Int, into pixels: UnsafeMutableBufferPointer<Int32>, height: Int, width: Int
) throws {
  guard elementCount([rows, columns]) == labels.count, elementCount([height, width]) == pixels.count, rows >= 1,
    columns >= 1, height >= 1, width >= 1, pixels.count <= mostPixels, channels >= 1,
    elementCount([labels.count, channels]) == features.count, means.count % channels == 0,
    labels.allSatisfy({ $0 >= 0 && Int($0) < means.count / channels })
  else {
    throw SegmentationError.labelMap(found: labels.count, rows: rows, columns: columns, height: height, width: width)
  }
  try OutOfMemory.check(bytes: (height + width) * MemoryLayout<AxisSample>.stride)
  let vertical = (0..<height).map { AxisSample($0, of: height, in: rows) }
  let horizontal = (0..<width).map { AxisSample($0, of: width, in: columns) }
  let corners = try CornerScores(labels, features, means, channels: channels, rows: rows, columns: columns)
  vertical.withUnsafeBufferPointer { vertical in
    horizontal.withUnsafeBufferPointer { horizontal in
      parallelRows(height, cost: width * 16) { range in
        for y in range {
          for x in 0..<width { pixels[y * width + x] = corners.best(vertical[y], horizontal[x]) }
        }
      }
    }
  }
}

/// For each four patches that meet: the scores that each of the four has for the label of each.
private struct CornerScores {
  private let scores: Buffer
  private let labels: UnsafeBufferPointer<Int32>
  private let columns: Int

  /// - Throws: `OutOfMemory`.
  init(
    _ labels: UnsafeBufferPointer<Int32>, _ features: UnsafeBufferPointer<Float>, _ means: UnsafeBufferPointer<Float>,
    channels: Int, rows: Int, columns: Int
  ) throws {
    let (scores, own) = (try Buffer(count: 16 * labels.count), try Buffer(count: labels.count))
    (self.scores, self.labels, self.columns) = (scores, labels, columns)
    let (patches, centres) = (features.baseAddress!, means.baseAddress!)
    func fit(_ patch: Int, _ other: Int) -> Float {
      score(patches + patch * channels, centres + Int(labels[other]) * channels, channels)
    }
    parallelRows(labels.count, cost: 18 * channels) { range in
      for patch in range {
        own.pointer[patch] = fit(patch, patch)
        let (row, column) = (patch / columns, patch % columns)
        for y in max(row - 1, 0)...min(row + 1, rows - 1) {
          for x in max(column - 1, 0)...min(column + 1, columns - 1) {
            own.pointer[patch] = max(own.pointer[patch], fit(patch, y * columns + x))
          }
        }
      }
    }
    parallelRows(labels.count, cost: 32 * channels) { range in
      for patch in range {
        let (row, column) = (patch / columns, patch % columns)
        for candidate in 0..<4 {
          let other = Self.corner(candidate, row, column, rows, columns)
          for corner in 0..<4 {
            let place = Self.corner(corner, row, column, rows, columns)
            scores.pointer[16 * patch + 4 * candidate + corner] =
              labels[place] == labels[other] ? own.pointer[place] : fit(place, other)
          }
        }
      }
    }
  }

  /// The patch itself, the one on its right, the one below, the one below on the right; itself at the edge.
  private static func corner(_ number: Int, _ row: Int, _ column: Int, _ rows: Int, _ columns: Int) -> Int {
    min(row + number / 2, rows - 1) * columns + min(column + number % 2, columns - 1)
  }

  func best(_ y: AxisSample, _ x: AxisSample) -> Int32 {
    let table = scores.pointer + 16 * (y.low * columns + x.low)
    let (low, high) = (Float(y.lowWeight), Float(y.highWeight))
    let (left, right) = (Float(x.lowWeight), Float(x.highWeight))
    let weights = SIMD4(low * left, low * right, high * left, high * right)
    var best = (label: Int32.max, score: -Float.infinity)
    for candidate in 0..<4 {
      let label = labels[(candidate / 2 == 0 ? y.low : y.high) * columns + (candidate % 2 == 0 ? x.low : x.high)]
      let corners = SIMD4(
        table[4 * candidate], table[4 * candidate + 1], table[4 * candidate + 2], table[4 * candidate + 3])
      let score = (corners * weights).sum()
      if score > best.score || score == best.score && label < best.label { best = (label, score) }
    }
    return best.label
  }
}

/// 2·x·m − m·m.
private func score(_ x: UnsafePointer<Float>, _ mean: UnsafePointer<Float>, _ channels: Int) -> Float {
  var sums = SIMD8<Float>.zero
  let whole = channels / 8 * 8
  for start in stride(from: 0, to: whole, by: 8) {
    let a = UnsafeRawPointer(x + start).loadUnaligned(as: SIMD8<Float>.self)
    let b = UnsafeRawPointer(mean + start).loadUnaligned(as: SIMD8<Float>.self)
    sums += (a + a - b) * b
  }
  var sum = sums.sum()
  for channel in whole..<channels { sum += (2 * x[channel] - mean[channel]) * mean[channel] }
  return sum
}

/// The mean of the features of each segment.
///
/// - Parameters:
///   - features: [count, channels].
///   - labels: [count], 0, 1, … below `segments`.
///   - means: [segments, channels] is written; zeros where a label does not occur.
/// - Throws: `SegmentationError.features`, `SegmentationError.label`, `OutOfMemory`.
public func segmentMeans(
  features: UnsafeBufferPointer<Float>, labels: UnsafeBufferPointer<Int32>, channels: Int,
  into means: UnsafeMutableBufferPointer<Float>
) throws {
  guard channels >= 1, elementCount([labels.count, channels]) == features.count, means.count % channels == 0 else {
    throw SegmentationError.features(found: features.count, count: labels.count, width: channels)
  }
  let segments = means.count / channels
  if let place = labels.firstIndex(where: { $0 < 0 || Int($0) >= segments }) {
    throw SegmentationError.label(Int(labels[place]), place: place, segments: segments)
  }
  let (sums, counts) = (try Buffer(count: 2 * means.count), try Buffer(count: segments, repeating: 0))
  sums.doubles.update(repeating: 0, count: means.count)
  for (row, label) in labels.enumerated() {
    let (sum, from) = (sums.doubles + Int(label) * channels, row * channels)
    for channel in 0..<channels { sum[channel] += Double(features[from + channel]) }
    counts.pointer[Int(label)] += 1
  }
  for index in means.indices {
    means[index] = Float(sums.doubles[index] / Double(max(counts.pointer[index / channels], 1)))
  }
}
