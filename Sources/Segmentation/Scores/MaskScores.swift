import Compute

/// What pixels of label 255 in the truth are.
public enum VoidPixels: String, Sendable, CaseIterable {
  /// Background like any other, as DAVIS' semi-supervised task has it.
  case background
  /// In no mask at all, neither the truth's nor the prediction's.
  case ignore
}

/// The label of pixels about which the truth says nothing.
public let voidLabel: Int32 = 255

/// How well objects are found in frames: J and F as DAVIS defines them, each [frames, objects].
///
/// J is |∩| / |∪| of the two masks, 1 where both are empty. F is 2PR/(P + R) of the precision and recall of their
/// boundaries, where a boundary's pixel is found if the other has one within ⌈0.008 · √(H² + W²)⌉ pixels. A mask that
/// is empty or fills the frame has no boundary: two of them have F = 1, one beside another mask 0.
///
/// Source: Perazzi et al., A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation, 2016; numbers
/// as in the evaluation of DAVIS 2017.
public struct MaskScores: Sendable, Equatable {
  public var regionSimilarity: [Double] = []
  public var boundaryAccuracy: [Double] = []

  /// - Parameters:
  ///   - predicted: and `truth`: [frames, height, width]; pixels with an object's label are its mask.
  ///   - objects: labels.
  ///   - similarity: and `accuracy`: whether J and F are wanted; empty where not.
  /// - Throws: `SegmentationError.frames` where the counts do not go together, `OutOfMemory`, `Interrupted`.
  public init(
    predicted: UnsafeBufferPointer<Int32>, truth: UnsafeBufferPointer<Int32>, frames: Int, height: Int, width: Int,
    objects: [Int32], void: VoidPixels = .background, similarity: Bool = true, accuracy: Bool = true
  ) throws {
    let size = try frameSize(predicted.count, truth.count, frames: frames, height: height, width: width)
    let count = try pairCount(frames, objects.count)
    if similarity { regionSimilarity = [Double](repeating: 0, count: count) }
    if accuracy { boundaryAccuracy = [Double](repeating: 0, count: count) }
    guard count > 0, let predicted = predicted.baseAddress, let truth = truth.baseAddress else { return }
    let void = void == .ignore ? voidLabel : nil
    let words = MaskComparison.words(height: height, width: width)
    try objects.withUnsafeBufferPointer { objects in
      try regionSimilarity.withUnsafeMutableBufferPointer { similarities in
        try boundaryAccuracy.withUnsafeMutableBufferPointer { accuracies in
          let (similarities, accuracies) = (similarities.baseAddress, accuracies.baseAddress)
          for first in stride(from: 0, to: count, by: Self.atATime) {
            try Interruption.check()
            try parallelWithScratch(min(Self.atATime, count - first), scratchCount: 2 * words) { offset, scratch in
              let index = first + offset
              let frame = index / objects.count * size
              let memory = UnsafeMutableRawPointer(scratch).bindMemory(to: UInt64.self, capacity: words)
              let masks = MaskComparison(memory, height: height, width: width)
              masks.fill(predicted + frame, truth + frame, label: objects[index % objects.count], void: void)
              if similarity { similarities?[index] = masks.regionSimilarity }
              if accuracy { accuracies?[index] = masks.boundaryAccuracy }
            }
          }
        }
      }
    }
  }

  /// Masks between two looks at whether to go on.
  private static let atATime = 256
}

/// Pixels of a frame.
func frameSize(_ predicted: Int, _ truth: Int, frames: Int, height: Int, width: Int) throws -> Int {
  let (size, overflows) = height.multipliedReportingOverflow(by: width)
  let (all, allOverflows) = size.multipliedReportingOverflow(by: frames)
  let isPossible = frames >= 0 && height > 0 && width > 0 && !overflows && !allOverflows && size <= mostPixels
  guard isPossible, predicted == all, truth == all else {
    throw SegmentationError.frames(predicted: predicted, truth: truth, frames: frames, height: height, width: width)
  }
  return size
}

private func pairCount(_ frames: Int, _ objects: Int) throws -> Int {
  let (count, overflows) = frames.multipliedReportingOverflow(by: objects)
  try OutOfMemory.check(for: overflows ? .max : count, of: (Double, Double).self)
  return count
}

/// Two masks and what is made of them, in memory of its own.
private struct MaskComparison {
  let predicted: BitMask
  let truth: BitMask
  private let predictedBoundary: BitMask
  private let truthBoundary: BitMask
  private let line: UnsafeMutablePointer<UInt64>

  static func words(height: Int, width: Int) -> Int { (4 * height + 1) * ((width + 63) / 64) }

  init(_ memory: UnsafeMutablePointer<UInt64>, height: Int, width: Int) {
    predicted = BitMask(words: memory, height: height, width: width)
    truth = BitMask(words: memory + predicted.wordCount, height: height, width: width)
    predictedBoundary = BitMask(words: memory + 2 * predicted.wordCount, height: height, width: width)
    truthBoundary = BitMask(words: memory + 3 * predicted.wordCount, height: height, width: width)
    line = memory + 4 * predicted.wordCount
  }

  func fill(_ predictedLabels: UnsafePointer<Int32>, _ truthLabels: UnsafePointer<Int32>, label: Int32, void: Int32?) {
    predicted.fill(predictedLabels, label: label)
    truth.fill(truthLabels, label: label)
    guard let void else { return }
    let voidPixels = predictedBoundary
    voidPixels.fill(truthLabels, label: void)
    predicted.subtract(voidPixels)
    truth.subtract(voidPixels)
  }

  var regionSimilarity: Double {
    let both = predicted.countInCommon(with: truth)
    let either = predicted.count + truth.count - both
    return either == 0 ? 1 : Double(both) / Double(either)
  }

  /// The masks are overwritten.
  var boundaryAccuracy: Double {
    predicted.writeBoundary(to: predictedBoundary)
    truth.writeBoundary(to: truthBoundary)
    let (predictedCount, truthCount) = (predictedBoundary.count, truthBoundary.count)
    if predictedCount == 0 || truthCount == 0 { return predictedCount == truthCount ? 1 : 0 }
    let radius = boundaryRadius(height: predicted.height, width: predicted.width)
    let dilated = predicted
    truthBoundary.writeDilation(radius: radius, to: dilated, line: line)
    let precision = Double(predictedBoundary.countInCommon(with: dilated)) / Double(predictedCount)
    predictedBoundary.writeDilation(radius: radius, to: dilated, line: line)
    let recall = Double(truthBoundary.countInCommon(with: dilated)) / Double(truthCount)
    return precision + recall == 0 ? 0 : 2 * precision * recall / (precision + recall)
  }
}

/// How far a boundary's pixel may lie from the other boundary.
private func boundaryRadius(height: Int, width: Int) -> Int {
  let diagonal = Double(height * height + width * width).squareRoot()
  return Int((0.008 * diagonal).rounded(.up))
}
